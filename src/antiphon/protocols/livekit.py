"""LiveKit: the socket by which its server hands rooms out to agent workers.

    register ──► (worker id)        availability? ──► yes, as this participant ──► assignment {room, token}
                                                 └──► no                             │
    ping, pong                      update: running, then success or failed ◄────────┘

Messages are those of `livekit_agent.proto`, in the package livekit-protocol; the extra `livekit` brings it. A room is
promised when it is asked about, and is this worker's once it is assigned, which takes the server a few seconds at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from livekit.protocol import agent as lk
from livekit.protocol import models

from antiphon.errors import ProtocolError

PATH = "/agent"  # of the socket, beside the server's own address
PING_EVERY = 10  # seconds
PROMISED = 7.5  # seconds within which a room that was promised is assigned


@dataclass(frozen=True, slots=True)
class Join:
    """A room is this worker's. The token lets the agent in, and does not print itself."""

    job_id: str
    room: str
    url: str  # empty: the server's own
    token: str = field(repr=False)
    metadata: str = ""  # what whoever asked for the agent says to it


@dataclass(frozen=True, slots=True)
class Leave:
    job_id: str


@dataclass(frozen=True, slots=True)
class Reply:
    """To be sent as it is."""

    data: bytes


Order = Join | Leave | Reply


class Worker:
    """One connection of a worker, without the connection. Times are in seconds of any one monotonic clock."""

    def __init__(self, *, agent_name: str = "", version: str = "", most: int = 8) -> None:
        """`agent_name`: only rooms that ask for it by name; empty: every new room. `most` rooms at once."""
        self.draining = False  # takes no more rooms
        self.id = ""  # once the server knows this worker
        self._agent_name = agent_name
        self._version = version
        self._most = most
        self._promised: dict[str, float] = {}  # job → when it is not expected any more
        self._jobs: set[str] = set()

    def opening(self) -> bytes:
        """The first message of a connection. Rooms that are still joined are told of in `opened`."""
        permissions = models.ParticipantPermission(
            can_publish=True,
            can_subscribe=True,
            can_publish_data=True,
            can_update_metadata=True,
            agent=True,
        )
        register = lk.RegisterWorkerRequest(
            type=lk.JobType.JT_ROOM,
            agent_name=self._agent_name,
            version=self._version,
            ping_interval=PING_EVERY,
            allowed_permissions=permissions,
        )
        return _message(register=register)

    def receive(self, data: bytes, now: float) -> Sequence[Order]:
        """Raises ProtocolError for what is no message of the server's."""
        try:
            message = lk.ServerMessage.FromString(data)
        except DecodeError as failure:
            raise ProtocolError("not a message of LiveKit's to a worker", code="invalid_format") from failure
        match message.WhichOneof("message"):
            case "register":
                self.id = message.register.worker_id
                return (Reply(self.status()),)
            case "availability":
                return (Reply(self._answer(message.availability.job, now)),)
            case "assignment":
                return self._begin(message.assignment)
            case "termination":
                return (Leave(message.termination.job_id),)
        return ()

    def _answer(self, job: lk.Job, now: float) -> bytes:
        self._promised = {known: until for known, until in self._promised.items() if until > now}
        available = not self.draining and len(self._jobs) + len(self._promised) < self._most
        if available:
            self._promised[job.id] = now + PROMISED
        answer = lk.AvailabilityResponse(
            job_id=job.id,
            available=available,
            participant_identity=f"agent-{job.id}",
            participant_name=self._agent_name,
        )
        return _message(availability=answer)

    def _begin(self, given: lk.JobAssignment) -> Sequence[Order]:
        job_id = given.job.id
        if job_id not in self._promised:  # too late, or never asked: the server gives it to another
            return ()
        del self._promised[job_id]
        self._jobs.add(job_id)
        update = lk.UpdateJobStatus(job_id=job_id, status=lk.JobStatus.JS_RUNNING)
        join = Join(job_id, given.job.room.name, given.url, given.token, given.job.metadata)
        return Reply(_message(update_job=update)), Reply(self.status()), join

    def over(self, job_id: str, *, error: str = "") -> Sequence[bytes]:
        """What to send when a room was left."""
        self._jobs.discard(job_id)
        status = lk.JobStatus.JS_FAILED if error else lk.JobStatus.JS_SUCCESS
        update = lk.UpdateJobStatus(job_id=job_id, status=status, error=error)
        return _message(update_job=update), self.status()

    def status(self) -> bytes:
        """How much of it is taken."""
        count = len(self._jobs)
        full = self.draining or count >= self._most
        state = lk.WorkerStatus.WS_FULL if full else lk.WorkerStatus.WS_AVAILABLE
        return _message(update_worker=lk.UpdateWorkerStatus(status=state, load=count / self._most, job_count=count))

    def ping(self, now: float) -> bytes:
        return _message(ping=lk.WorkerPing(timestamp=int(now * 1000)))


def _message(**kind: Any) -> bytes:
    data: bytes = lk.WorkerMessage(**kind).SerializeToString()
    return data
