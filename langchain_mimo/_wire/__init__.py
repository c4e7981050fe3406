"""Sans-I/O translation between LangChain messages and MiMo's API formats."""
