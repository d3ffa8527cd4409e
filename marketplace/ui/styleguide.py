"""What the style guide shows: made-up facts of one pack, in both languages. Nothing here comes from the database."""

import json
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.templatetags.static import static
from django.utils.translation import get_language

from marketplace.ui import onchain

DIGEST = "9f2c41d07be103c95a1e6b7f20d4c8839a5be1f4672d0c3e8b91a7d65f04e41a"
SAID = datetime(2026, 11, 22, 2, 5, 56, tzinfo=UTC)


def _say(english: str, chinese: str) -> str:
    return chinese if (get_language() or "en").startswith("zh") else english


class SampleForm(forms.Form):
    """One field of each look."""

    title = forms.CharField(max_length=60)
    email = forms.EmailField(help_text="We write only about this release.", required=False)
    kind = forms.ChoiceField(choices=[("world", "World"), ("style", "Style"), ("model", "Model")])
    story = forms.CharField(widget=forms.Textarea, required=False)
    elements = forms.MultipleChoiceField(
        choices=[("c", "Characters"), ("p", "Plants"), ("l", "Landforms")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    picture = forms.FileField(required=False)
    mine = forms.BooleanField(label="All of this is my own work, or I may sell it")


def _packs() -> list[dict[str, Any]]:
    pictures = ["cloud-sea", "jade-valley", "neon-harbor", "jade-valley"]
    rows = [
        ({"en": "Sea of Clouds", "zh-Hans": "云海"}, "林可", _say("World", "世界"), 18000, "USD", True),
        ({"en": "Jade Valley Plants"}, "Mara Oyelaran", _say("Characters", "角色"), 4900, "USD", True),
        ({"en": "Neon Harbor", "zh-Hans": "霓虹港"}, "Studio Kestrel", _say("Style", "画风"), 8800, "CNY", False),
        ({"en": "Paper & Ink: a LoRA for quiet landscapes"}, "Ito", _say("Model", "模型"), 0, "USD", True),
    ]
    return [
        {
            "title": title,
            "creator": creator,
            "kind": kind,
            "price_minor": price,
            "currency": currency,
            "verified": verified,
            "cover": static(f"ui/samples/{picture}.svg"),
        }
        for picture, (title, creator, kind, price, currency, verified) in zip(pictures, rows, strict=True)
    ]


def _license() -> dict[str, Any]:
    return {
        "options": [
            {
                "value": "personal",
                "name": _say("Personal", "个人"),
                "summary": _say("1 seat · no commercial release", "1 个席位 · 不可商业发行"),
                "price_minor": 1200,
                "currency": "USD",
            },
            {
                "value": "studio",
                "name": _say("Studio", "工作室"),
                "summary": _say("10 seats · films, games, ads · API access", "10 个席位 · 影视、游戏、广告 · 可用 API"),
                "price_minor": 18000,
                "currency": "USD",
            },
            {
                "value": "enterprise",
                "name": _say("Enterprise", "企业"),
                "summary": _say("Unlimited seats · sold out for this year", "不限席位 · 今年已售完"),
                "price_minor": 140000,
                "currency": "USD",
                "disabled": True,
            },
        ],
        "allows": [
            _say("Commercial release, worldwide", "全球商业发行"),
            _say("Fine-tuning for internal use", "内部微调"),
        ],
        "forbids": [
            _say("Reselling or sharing the files", "转售或分享文件"),
            _say("Training a base model", "训练基础模型"),
        ],
    }


def _proof() -> dict[str, Any]:
    return {
        "chain": [
            {"title": _say("Registered by its creator", "创作者登记"), "at": SAID, "hash": DIGEST},
            {
                "title": _say("Inspection passed", "检查通过"),
                "at": SAID,
                "detail": _say("2.1 GB, 412 tensors, no code", "2.1 GB，412 个张量，无代码"),
            },
            {"title": _say("Sealed into the log", "写入存证日志"), "at": SAID, "detail": "#1,204", "href": "#proof"},
            {"title": _say("Anchoring on chain", "正在上链锚定"), "state": "pending"},
        ],
        "spec": [
            (_say("Base model", "基础模型"), "SDXL 1.0"),
            (_say("Trigger words", "触发词"), "verdigris, skyglow"),
            (_say("Files", "文件"), _say("yunhai.safetensors, 240 pictures", "yunhai.safetensors，240 张图片")),
        ],
    }


def _money() -> dict[str, Any]:
    months = ["2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11"]
    sold = [0, 3, 7, 5, 12, 18, 11, 24]
    return {
        "columns": [
            {"label": _say("Sale", "销售"), "kind": "text"},
            {"label": _say("License", "授权"), "kind": "text"},
            {"label": _say("Your share", "分成比例"), "kind": "num"},
            {"label": _say("You earn", "收入"), "kind": "money"},
        ],
        "rows": [
            ["Sea of Clouds 1.0.0", _say("Studio", "工作室"), "62.5 %", "$101.25"],
            ["Sea of Clouds 1.0.0", _say("Personal", "个人"), "62.5 %", "$6.75"],
            [_say("Refund, Neon Harbor 0.9.1", "退款：霓虹港 0.9.1"), _say("Studio", "工作室"), "40 %", "−$31.68"],
        ],
        "bars": [{"label": month, "value": value} for month, value in zip(months, sold, strict=True)],
    }


class _Mined:
    """How a made-up transaction stands."""

    state, transaction, block_number, block_time = "mined", "0x" + DIGEST, 1204, SAID
    confirmations, wanted, gas_used, fee_wei, attempts, reason = 3, 12, 139_109, 213_000_000_000_000, 1, ""


def _onchain() -> dict[str, Any]:
    token = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    domain = {"name": "Payees", "version": "1", "chainId": 31337, "verifyingContract": token}
    return {
        "chain": onchain.wallet_chain(31337),
        "panel": onchain.panel(
            chain_id=31337,
            contracts=[("AssetToken", token)],
            standing=_Mined,
            gas="platform",
            rows=[(_say("Token", "代币"), "#1")],
        ),
        "typed": json.dumps({"domain": domain, "primaryType": "Bind", "message": {"wallet": "$address"}}),
        "steps": onchain.steps([{"to": token, "data": "0x" + onchain.ADDRESS_WORD, "label": _say("Claim", "领取")}]),
    }


def samples() -> dict[str, Any]:
    """This will give everything the style guide's template shows, in the active language."""
    packs = _packs()
    return {
        "digest": DIGEST,
        "said": SAID,
        "packs": packs,
        "pictures": [{"src": packs[n % 3]["cover"], "alt": "", "href": packs[n % 3]["cover"]} for n in range(7)],
        "license": _license(),
        "onchain": _onchain(),
        "proof": _proof(),
        "money": _money(),
        "crumbs": [(_say("Browse", "浏览"), "#"), (_say("Worlds", "世界"), "#"), (_say("Sea of Clouds", "云海"), "")],
        "steps": [
            _say("Files", "文件"),
            _say("Inspection", "检查"),
            _say("Details", "详情"),
            _say("Rights", "权利"),
            _say("Licenses", "授权"),
            _say("Publish", "发布"),
        ],
        "form": SampleForm(),
        "refused_form": SampleForm({"title": "", "email": "alice@", "kind": "style"}, prefix="refused"),
        "command": "curl -O https://worldloom.example/bundles/yunhai.zip\npython -m ledger.verify yunhai.zip",
    }
