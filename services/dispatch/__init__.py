"""Demand-responsive buses (デマンドバス): rides asked for, promised, shared between vehicles and kept."""
