"""What may happen: the gate, the risk checks, the approvals and the one way by which an order reaches a broker."""
