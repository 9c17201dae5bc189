"""What a person sees and does in a browser: `make e2e-ui` runs these tests."""
