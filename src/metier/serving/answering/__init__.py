"""What a request makes a model do: answer, call tools, follow a plan, think harder."""
