"""Dify workflows on Dify's own engine, graphon, with our host behind the tool nodes.

dsl.py      the file: read, checked, normalised
check.py    what cannot run here is refused before anything runs
inputs.py   the start node's inputs, checked as Dify checks them
run.py      one call that does it all; imports the engine only when it runs
result.py   events while it runs, and what came of it
engine.py   the loop around graphon's engine
factory.py  graphon's nodes with our parts in them
tools.py    tool nodes: parameters as Dify casts them, messages, files
store.py    the files of a run
code.py     code nodes; confine.py puts the walls around them
models.py   llm, question-classifier and parameter-extractor, asked of the configured endpoint
knowledge.py, retrieval.py   knowledge-retrieval over a folder of texts
people.py   human-input, answered at the terminal
web.py      http-request nodes and the addresses that they may reach
means.py    what a run may use beside its plugins
conversation.py   what a chatflow remembers between turns
lint.py     everything that is wrong with a file: studio workflow check
"""
