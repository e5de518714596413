"""Would an activation come to its end tonight? What was seen is judged by small rules; what was not seen is unknown."""
