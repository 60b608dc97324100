"""What the acts of the operator are, by what they are about: declarations alone, which any face can read."""
