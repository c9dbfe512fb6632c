"""What Windows has in place of process groups and of pipes that don't block. Imported there alone."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import msvcrt
    import subprocess
    from ctypes import wintypes

    # winbase.h and winnt.h.
    PIPE_NOWAIT = 1
    EXTENDED_LIMITS = 9  # JobObjectExtendedLimitInformation
    KILL_ON_JOB_CLOSE = 0x2000

    _KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)
    _KERNEL.CreateJobObjectW.restype = wintypes.HANDLE
    _KERNEL.CreateJobObjectW.argtypes = [wintypes.LPVOID, wintypes.LPCWSTR]
    _KERNEL.SetInformationJobObject.argtypes = [wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD]
    _KERNEL.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
    _KERNEL.TerminateJobObject.argtypes = [wintypes.HANDLE, wintypes.UINT]
    _KERNEL.CloseHandle.argtypes = [wintypes.HANDLE]

    class _Limits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

        _fields_ = (
            ("process_time", ctypes.c_int64),
            ("job_time", ctypes.c_int64),
            ("flags", wintypes.DWORD),
            ("least_set", ctypes.c_size_t),
            ("most_set", ctypes.c_size_t),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
            ("io", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    class Tree:
        """A process and all that it starts, as a job object. They end with it, and where Blender dies without a word.

        A Windows that refuses (a server's policy) leaves the process alone to be ended.
        """

        def __init__(self, process: subprocess.Popen[bytes]) -> None:
            self._process = process
            self._job = _KERNEL.CreateJobObjectW(None, None)
            limits = _Limits(flags=KILL_ON_JOB_CLOSE)
            _KERNEL.SetInformationJobObject(self._job, EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
            _KERNEL.AssignProcessToJobObject(self._job, int(process._handle))  # type: ignore[attr-defined]

        def end(self) -> None:
            """End them now. None is left where the first one has ended before."""
            if self._job:
                _KERNEL.TerminateJobObject(self._job, 1)
                _KERNEL.CloseHandle(self._job)
                self._job = None
            if self._process.poll() is None:
                self._process.kill()

    def never_wait(descriptor: int) -> None:
        """Make the pipe refuse (ENOSPC) instead of wait where it is full."""
        mode = wintypes.DWORD(PIPE_NOWAIT)
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        _KERNEL.SetNamedPipeHandleState(handle, ctypes.byref(mode), None, None)

    def available(descriptor: int) -> int:
        """Bytes that can be read from the pipe without waiting."""
        count = wintypes.DWORD(0)
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        ok = _KERNEL.PeekNamedPipe(handle, None, 0, None, ctypes.byref(count), None)
        return int(count.value) if ok else 0
