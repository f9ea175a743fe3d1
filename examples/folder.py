"""A folder of pictures as a table: `python folder.py FOLDER TABLE.csv`; needs pandas.

All cores work; a picture without a face has no row.
"""

import sys
from pathlib import Path

from mf2_edge import predict_many, to_pandas


def main(folder: str, table: str) -> None:
    """Write a row a face, and print how often each emotion was the first."""
    pictures = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in (".jpg", ".png"))
    faces = to_pandas(predict_many(pictures, progress=True))
    faces.insert(0, "file", [pictures[number].name for number in faces["frame"]])
    faces.to_csv(table, index=False)
    print(f"{len(faces)} faces in {len(pictures)} pictures")
    print(faces["emotion"].value_counts().to_string())


if __name__ == "__main__":
    main(*sys.argv[1:3])
