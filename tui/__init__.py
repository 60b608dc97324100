"""What the operator looks at: the Textual screen, which knows the operator's view and acts and nothing else."""
