"""*evaluate*: the candidates scored on rows that none has seen, and the verdict of the gate."""
