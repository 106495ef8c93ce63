"""What looks like a secret is found, and never shown in whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.reports.exchange import secrets

KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"

SECRETS = {
    f"export WANDB_API_KEY={KEY}": KEY,
    f"WANDB_API_KEY={KEY} python train.py": KEY,
    f'export AWS_SECRET_ACCESS_KEY="{KEY}"': KEY,
    f"COMET_API_KEY='{KEY}' python train.py": KEY,
    "export DB_PASSWORD=correcthorse": "correcthorse",
    f'api_key = "{KEY}"': KEY,
    f"wandb.login(key=x, token='{KEY}')": KEY,
    f'{{"password": "{KEY[:9]}"}}': KEY[:9],
    "login('hf_" + "aB3" * 12 + "')": "hf_" + "aB3" * 12,
    "ghp_" + "aB3" * 12: "ghp_" + "aB3" * 12,
    "sk-" + "aB3" * 12: "sk-" + "aB3" * 12,
    "AKIA" + "ABCDEFGH12345678": "AKIAABCDEFGH12345678",
    f"curl -H 'Authorization: Bearer {KEY}'": KEY,
    f"git clone https://alice:{KEY}@git.example/lab.git": KEY,
    "webhook = 'https://hooks.slack.com/services/T000/B000/abcdefgh'": "/services/T000/B000/abcdefgh",
    "-----BEGIN OPENSSH PRIVATE KEY-----": "-----BEGIN OPENSSH PRIVATE KEY-----",
}

HARMLESS = (
    "self.cls_token = nn.Parameter(torch.zeros(1, 1, 64))",
    "def forward(self, token: Tensor, key: Tensor) -> Tensor:",
    "attention(key=key_projection, token=class_token)",
    "NUM_TOKENS = 196",
    "TOKENS=tuple(range(12))",
    "CLS_TOKEN=torch.zeros(1, 1, 64)",
    "export TOKEN_FILE=$HOME/.token",
    "export HF_TOKEN_PATH=/home/alice/.cache/token",
    "risk-averse-and-mask-sk-lines",
    "https://example.org:8080/path@2",
    '{"sha256": "' + KEY + '"}',
    "key: value",
)


@pytest.mark.parametrize(("line", "secret"), SECRETS.items())
def test_a_secret_is_found_and_masked(line: str, secret: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"first\n{line}\n")
    (found,) = secrets.find({"a.txt": path})
    assert (found.file, found.line) == ("a.txt", 2)
    assert secret not in str(found)
    assert secret[:5] not in found.text
    assert f"({len(secret)} characters)" in found.text


@pytest.mark.parametrize(("line", "secret"), SECRETS.items())
def test_a_secret_in_a_json_text_is_found(line: str, secret: str) -> None:
    data = json.dumps({"script": f"#!/bin/bash\n{line}\nsrun true\n"}).encode()
    texts = [found.text for found in secrets.find({"a.json": data})]
    assert len(texts) == 1
    assert secret not in texts[0]


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless_lines_are_passed_by(line: str) -> None:
    assert list(secrets.find({"mine.py": line.encode()})) == []


def test_checkpoints_are_not_searched() -> None:
    assert list(secrets.find({"10-1.0.pt": f"export WANDB_API_KEY={KEY}".encode()})) == []
