"""What a person sees: tables, progress. The only room beside the commands that imports Rich."""
