import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from antiphon.audio import g711, wav
from antiphon.errors import ConfigError, MissingDependency

SAMPLES = np.array([0, 1000, -1000, 32_767, -32_768, 77], dtype="<i2")
PCM = SAMPLES.tobytes()


def riff(tag: int, bits: int, body: bytes, *, channels: int = 1, extensible: bool = False) -> bytes:
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", tag, channels, 16_000, 16_000 * block, block, bits)
    if extensible:
        guid = struct.pack("<H", tag) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
        header = struct.pack("<H", 0xFFFE) + header[2:] + struct.pack("<HHI", 22, bits, 0) + guid
    chunks = b"LIST\x03\0\0\0abc\0fmt " + struct.pack("<I", len(header)) + header
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def read(tmp_path: Path, data: bytes) -> wav.Recording:
    path = tmp_path / "call.wav"
    path.write_bytes(data)
    return wav.read(path)


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(
    ("tag", "bits", "body"),
    [
        (1, 16, PCM),
        (1, 24, b"".join(int(s << 8).to_bytes(3, "little", signed=True) for s in SAMPLES.tolist())),
        (1, 32, (SAMPLES.astype("<i4") << 16).tobytes()),
        (3, 32, (SAMPLES / 32_768).astype("<f4").tobytes()),
        (3, 64, (SAMPLES / 32_768).astype("<f8").tobytes()),
    ],
)
def test_every_linear_format_reads_the_same(tmp_path: Path, tag: int, bits: int, body: bytes, extensible: bool) -> None:
    assert read(tmp_path, riff(tag, bits, body, extensible=extensible)) == wav.Recording(PCM, 16_000)


def test_eight_bits_are_unsigned(tmp_path: Path) -> None:
    assert read(tmp_path, riff(1, 8, b"\x80\x00\xff")).pcm == np.array([0, -32_768, 32_512], "<i2").tobytes()


def test_telephone_formats(tmp_path: Path) -> None:
    assert read(tmp_path, riff(7, 8, g711.encode_ulaw(PCM))).pcm == g711.decode_ulaw(g711.encode_ulaw(PCM))
    assert read(tmp_path, riff(6, 8, g711.encode_alaw(PCM))).pcm == g711.decode_alaw(g711.encode_alaw(PCM))


def test_stereo_is_averaged(tmp_path: Path) -> None:
    body = np.array([[100, 300], [-50, 50]], "<i2").tobytes()
    assert read(tmp_path, riff(1, 16, body, channels=2)).pcm == np.array([200, 0], "<i2").tobytes()


def test_a_streamed_file_with_an_unknown_length_has_what_is_there(tmp_path: Path) -> None:
    data = riff(1, 16, PCM).replace(b"data\x0c\0\0\0", b"data\xff\xff\xff\xff")
    assert read(tmp_path, data).pcm == PCM


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", PCM, rate=8_000)
    recording = wav.read(tmp_path / "a.wav")
    assert recording == wav.Recording(PCM, 8_000)
    assert recording.seconds == 6 / 8_000


def test_two_channels_are_written_side_by_side(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", PCM, PCM[:4], rate=8_000)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnchannels() == 2
        frames = np.frombuffer(file.readframes(6), "<i2").reshape(-1, 2)
    assert frames[:, 0].tolist() == SAMPLES.tolist()
    assert frames[:, 1].tolist() == [0, 1000, 0, 0, 0, 0]


def test_other_formats_are_read_by_soundfile(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", SAMPLES, 16_000)
    assert wav.read(tmp_path / "a.flac") == wav.Recording(PCM, 16_000)


def test_without_soundfile_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingDependency, match="pip install soundfile"):
        read(tmp_path, b"fLaC rest")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"RIFF", "no complete WAV"),
        (riff(1, 16, PCM)[:30], "no complete WAV"),
        (riff(1, 16, b""), "holds no samples"),
        (riff(2, 4, PCM), "format 2 with 4 bits"),
        (riff(1, 16, PCM, channels=0), "0 channels"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"call\.wav: .*{message}") as error:
        read(tmp_path, data)
    assert "\n" not in str(error.value)


def test_text_is_no_audio(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    with pytest.raises(ConfigError, match="no audio file"):
        read(tmp_path, b"hello, this is a letter")


def test_missing_file_and_folder() -> None:
    with pytest.raises(ConfigError, match="No such file"):
        wav.read("nowhere/call.wav")
    with pytest.raises(ConfigError, match="nowhere"):
        wav.write("nowhere/call.wav", PCM, rate=8_000)
