"""Export of an adapter: the merged model, the adapter for llama.cpp, Ollama's file, the proof."""
