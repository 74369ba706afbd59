"""The local runtime: hosts any Dify tool plugin over the daemon's own protocol.

It speaks to a plugin only through the wire; it never imports `tools` or `provider`.
"""
