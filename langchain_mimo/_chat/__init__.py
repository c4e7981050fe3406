"""What happens between LangChain's hooks and the wire: fields, options, requests and responses."""
