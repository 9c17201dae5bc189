// Airflow keeps the choice of light or dark here; the frame in its interface has its origin.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {}
