#!/usr/bin/env bash
# The usual way to encode in chunks with tools that everybody has: FFmpeg splits at keyframes, GNU parallel encodes the
# parts with one thread each, FFmpeg joins and packages. Arguments:
#   FFMPEG SOURCE OUT JOBS GRAPH "v0 v1 …" COUNT (COUNT encoder options) (sound and packaging options)
set -euo pipefail

ffmpeg=$1 source=$2 out=$3 jobs=$4 graph=$5
read -ra outputs <<<"$6"
encoder=("${@:8:$7}")
packaging=("${@:8+$7}")
parts=$out/parts
mkdir -p "$parts"
quiet=("$ffmpeg" -nostdin -loglevel error)

"${quiet[@]}" -i "$source" -map 0:v:0 -c copy -f segment -segment_time 4 -reset_timestamps 1 "$parts/%04d.mkv"

# A part is decoded and scaled once; its renditions become one file, in order.
command=("${quiet[@]}" -threads 1 -i '{}' -filter_complex "$graph")
for output in "${outputs[@]}"; do command+=(-map "[$output]"); done
command+=("${encoder[@]}" -threads 1 '{.}.mp4')
parallel --will-cite --quote --halt now,fail=1 -j "$jobs" "${command[@]}" ::: "$parts"/*.mkv

printf "file '%s'\n" "$(realpath "$parts")"/*.mp4 >"$parts/list"
joined=() maps=()
for i in "${!outputs[@]}"; do
  joined+=(-f concat -safe 0 -i "$parts/list")
  maps+=(-map "$i:v:$i")
done
"${quiet[@]}" "${joined[@]}" -i "$source" "${maps[@]}" -c:v copy "${packaging[@]}"
rm -r "$parts"
