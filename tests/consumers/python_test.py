"""natgrad: a run logged by PyTorch's own Adam is read and analysed.

Usage: python_test.py NATGRAD LOG_RUN.py      (exits 77, skipped, where torch or h5py is absent)
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    try:
        import h5py  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error}")
        return 77
    natgrad, script = sys.argv[1:3]
    assert len(Path(script).read_text().splitlines()) <= 40, "the example grew beyond forty lines"
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run.h5"
        subprocess.run([sys.executable, script, run], check=True)
        text = subprocess.run([natgrad, "analyze", run, "--json"], check=True, capture_output=True, text=True)
        result = json.loads(text.stdout)
        assert result["rule"] == "torch.optim.Adam", result["rule"]
        assert result["steps"] == 200 and result["dimension"] == 8 * 16 + 16 + 16 + 1
        assert [group["name"] for group in result["groups"]] == ["0.weight", "0.bias", "2.weight", "2.bias"]
        assert sum(result["verdicts"].values()) == 200

        # The first step of Adam is -lr sign(gradient) but for epsilon: its angle is known independently.
        with h5py.File(run) as file:
            gradient = torch.tensor(file["gradient"][0], dtype=torch.float64)
            step = torch.tensor(file["theta"][1] - file["theta"][0], dtype=torch.float64)
        cosine = float(-(gradient @ step) / (gradient.norm() * step.norm()))
        angle = result["per_step"][0]["angle"]
        assert abs(angle - torch.acos(torch.tensor(cosine, dtype=torch.float64)).item()) < 1e-6, (angle, cosine)
        sign = float(gradient.abs().sum() / (gradient.norm() * len(gradient) ** 0.5))
        assert abs(cosine - sign) < 1e-3, (cosine, sign)

        # Training works, and the text and the report come out too.
        assert result["per_step"][-1]["loss"] < 0.2 * result["per_step"][0]["loss"]
        subprocess.run([natgrad, "analyze", run, "--report", Path(folder) / "report"], check=True)
        assert (Path(folder) / "report" / "index.html").stat().st_size > 1000
    return 0


if __name__ == "__main__":
    sys.exit(main())
