// Pictures have a light and a dark variant, chosen by the system's setting. Here they follow the site's own switch, too.
function choosePictures() {
  const theme = document.body.dataset.theme;
  for (const source of document.querySelectorAll("picture > source[srcset]")) {
    source.media = theme === "dark" ? "all" : theme === "light" ? "not all" : "(prefers-color-scheme: dark)";
  }
}
document.addEventListener("DOMContentLoaded", () => {
  choosePictures();
  new MutationObserver(choosePictures).observe(document.body, { attributes: true, attributeFilter: ["data-theme"] });
});
