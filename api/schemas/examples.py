"""Examples of requests and responses, for the API's documentation."""

from typing import Any

Json = dict[str, Any]

IMAGE_SUBMISSION: Json = {
    "model": "flux.1-demo",
    "input": {"prompt": "a red circle on a blue background", "seed": 7},
    "priority": "normal",
    "expires_in_seconds": 3600,
    "metadata": {"order": "17"},
    "webhook": {
        "url": "https://receiver.example.org/hook",
        "events": ["job.succeeded", "job.failed"],
    },
}

ANALYSIS_SUBMISSION: Json = {
    "model": "florence-2-demo",
    "input": {
        "image": "file_01jd8w7n4tq0c3v5x9y2z6k8m1",
        "tasks": ["region_to_category", "region_to_segmentation"],
        "region": [150, 60, 240, 150],
        "artifacts": ["masks", "coco"],
    },
}

IMAGE_JOB: Json = {
    "id": "job_01jd8w7n4tq0c3v5x9y2z6k8m1",
    "model": "flux.1-demo",
    "state": "running",
    "attempt": 1,
    "priority": "normal",
    "created_at": "2026-11-23T12:00:00Z",
    "started_at": "2026-11-23T12:00:00.020Z",
    "finished_at": None,
    "progress": {"step": 2, "steps": 4, "fraction": 0.5},
    "waiting": None,
    "price": {"amount_micros": 1000, "currency": "USD", "covered_by": "allowance"},
    "output": None,
    "error": None,
    "metadata": {"order": "17"},
    "keep_seconds": None,
    "kept_until": None,
    "timings": {"queued_seconds": 0.02, "run_seconds": None, "store_seconds": None},
    "urls": {
        "self": "http://127.0.0.1:8000/v1/jobs/job_01jd8w7n4tq0c3v5x9y2z6k8m1",
        "events": "http://127.0.0.1:8000/v1/jobs/job_01jd8w7n4tq0c3v5x9y2z6k8m1/events",
        "cancel": "http://127.0.0.1:8000/v1/jobs/job_01jd8w7n4tq0c3v5x9y2z6k8m1/cancel",
    },
}

MODEL: Json = {
    "id": "flux.1-demo",
    "title": "FLUX.1, small, for trying things out",
    "aliases": [],
    "base": None,
    "family": "flux1",
    "tasks": [],
    "input_schema": {"type": "object", "required": ["prompt"]},
    "limits": {
        "deadline_seconds": 60,
        "longest_deadline_seconds": 600,
        "max_batch": 8,
        "max_prompt_tokens": 64,
    },
    "price": {"per": "unit", "unit_micros": 1000, "currency": "USD"},
    "unit_kind": "images",
    "licence": {"name": "Apache-2.0", "url": "", "commercial_use": True},
    "ready_workers": 1,
    "expected_wait_seconds": 0.0,
    "cold_start": False,
    "cold_start_seconds": None,
    "unserved_reason": None,
    "serving": [
        {
            "precision": "bf16",
            "offload": "none",
            "device_bytes": 20_150_000,
            "working_bytes": 281_300_000,
            "host_bytes": 0,
            "workers": 1,
        }
    ],
    "paused": False,
}

_FILES = "http://127.0.0.1:8000/v1/artifacts/ImpvYl8wMWpkIg.Z0H4wA.s1gnatur3"
_REGION = {
    "task": "<REGION_TO_CATEGORY>",
    "result": {"<REGION_TO_CATEGORY>": "circle<loc_468><loc_250><loc_750><loc_625>"},
    "text": "circle",
    "scores": [0.99],
    "raw_scores": [0.91],
    "calibrated": True,
    "finish_reason": "stop",
    "warnings": [],
}
_OUTLINE = {
    "task": "<REGION_TO_SEGMENTATION>",
    "result": {
        "<REGION_TO_SEGMENTATION>": {
            "polygons": [[[195, 60, 240, 105, 195, 150, 150, 105]]],
            "labels": [""],
        }
    },
    "scores": [0.97],
    "raw_scores": [0.14],
    "calibrated": True,
    "finish_reason": "stop",
    "warnings": [],
}

ANALYSIS_JOB: Json = {
    **IMAGE_JOB,
    "model": "florence-2-demo",
    "state": "succeeded",
    "finished_at": "2026-11-23T12:00:00.090Z",
    "progress": {"step": 2, "steps": 2, "fraction": 1.0},
    "price": {"amount_micros": 400, "currency": "USD", "covered_by": "allowance"},
    "output": {
        "image": {"width": 320, "height": 240},
        "results": [_REGION, _OUTLINE],
        "artifacts": [
            {
                "kind": "mask",
                "task": "<REGION_TO_SEGMENTATION>",
                "label": "",
                "instance": 0,
                "score": 0.97,
                "raw_score": 0.14,
                "url": f"{_FILES}/0.png",
                "width": 320,
                "height": 240,
                "media_type": "image/png",
                "bytes": 717,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            },
            {
                "kind": "coco",
                "url": f"{_FILES}/1.json",
                "expires_at": "2026-12-23T12:00:00Z",
                "width": 320,
                "height": 240,
                "media_type": "application/json",
                "bytes": 1520,
                "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
            },
        ],
    },
    "keep_seconds": None,
    "kept_until": "2026-12-23T12:00:00Z",
    "timings": {"queued_seconds": 0.02, "run_seconds": 0.05, "store_seconds": 0.02},
}
