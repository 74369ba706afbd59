"""The host: a plugin's process and everything said to it."""
