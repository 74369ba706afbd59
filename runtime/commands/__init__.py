"""The commands of `studio`, a module each; importing one adds it to the app."""
