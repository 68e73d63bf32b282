"""From a scene of triangles to pictures and labels in Taskonomy's folder layout, by casting rays."""
