"""The authorisation server: Authlib's grants over our clients and keys."""
