"""What computes answers, one engine a module; they know token ids and adapters, no HTTP."""
