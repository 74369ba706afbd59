"""AUTOMATIC1111, Forge, SD.Next and stable-diffusion.cpp's server, behind one class.

engine      the class: survey, draw, submit, collect, enlarge, choices
dialect     which server it is (GETs alone), and what dialects.yaml says about it
lists       names, checked against the server's lists
payload     from a task to a POST; pure
answer      from an answer to the pictures that are ours
watch       progress, interruption, the cancel at the deadline
native      stable-diffusion.cpp's own jobs
saved       AUTOMATIC1111 and Forge: a job found again by the file it saves
scheduler   the extension agent-scheduler
server      address, login, GET, POST, a POST in its own thread
"""

from creative.images.engines.automatic1111.engine import Automatic1111

__all__ = ["Automatic1111"]
