"""Signs of threats in the operated system's published views: read in bounded portions, judged by plain rules."""
