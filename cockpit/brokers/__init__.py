"""Where orders go: the Broker protocol and one folder for each kind of broker."""
