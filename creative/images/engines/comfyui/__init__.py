"""ComfyUI: built-in graphs for the usual models, and prompts of any kind.

`server` speaks HTTP, `listener` hears the WebSocket, `run` queues prompts, waits and stops
them; `setup` checks a request against the server, `graph` builds what draws it, `record` says
what was drawn; `models.yaml` and `samplers.yaml` are the tables.
"""

from creative.images.engines.comfyui.engine import ComfyUI

__all__ = ["ComfyUI"]
