"""The Jiangxi province's platform for work-injury settlement at designated institutions."""
