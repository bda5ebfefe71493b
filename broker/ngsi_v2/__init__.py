"""NGSIv2 (FIWARE, Orion) as another way of saying what the store holds: pure, from its documents to ours and back."""
