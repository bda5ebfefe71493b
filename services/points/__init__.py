"""Local points 地域ポイント: the ledger, how points are earned and spent, and the shops' settlement."""
