"""SageMaker endpoints as a LangChain chat model: three contracts, streams, and errors that are told apart.

`SageMakerChat` is for graphs of one's own as well; the agents that ship take it from the environment (`settings.py`).
Needs the extra `sagemaker`.
"""
