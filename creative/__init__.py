"""The craft: what the nodes do, free of Dify and of the local runtime."""
