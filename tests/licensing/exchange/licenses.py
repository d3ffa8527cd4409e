"""Licenses as other people publish them: beginnings of legal texts, model cards, and answers of APIs."""

from typing import Any

CC_BY_NC_SA_LEGAL_CODE = """Attribution-NonCommercial-ShareAlike 4.0 International

=======================================================================

Creative Commons Corporation ("Creative Commons") is not a law firm and
does not provide legal services or legal advice. Distribution of
Creative Commons public licenses does not create a lawyer-client or
other relationship.

=======================================================================

Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International
Public License

By exercising the Licensed Rights (defined below), You accept and agree
to be bound by the terms and conditions of this Creative Commons
Attribution-NonCommercial-ShareAlike 4.0 International Public License
("Public License").
"""

CC_BY_PAGE = """<p xmlns:cc="http://creativecommons.org/ns#">This work is licensed under
<a href="https://creativecommons.org/licenses/by/4.0/?ref=chooser-v1" target="_blank" rel="license noopener noreferrer"
style="display:inline-block;">CC BY 4.0<img src="https://mirrors.creativecommons.org/presskit/icons/cc.svg?ref=1"></a></p>
"""

CREATIVEML_OPEN_RAIL_M = """Copyright (c) 2022 Robin Rombach and Patrick Esser and contributors

CreativeML Open RAIL-M
dated August 22, 2022

Section I: PREAMBLE

Multimodal generative models are being widely adopted and used, and have the potential to transform the way artists,
among other individuals, conceive and benefit from AI or ML technologies as a tool for content creation.

5. Use-based restrictions. The restrictions set forth in Attachment A are considered Use-based restrictions.

END OF TERMS AND CONDITIONS

Attachment A

Use Restrictions

You agree not to use the Model or Derivatives of the Model:
- In any way that violates any applicable national, federal, state, local or international law or regulation;
- For the purpose of exploiting, harming or attempting to exploit or harm minors in any way;
- To generate or disseminate verifiably false information and/or content with the purpose of harming others;
- To generate or disseminate personal identifiable information that can be used to harm an individual;
- To defame, disparage or otherwise harass others;
- For fully automated decision making that adversely impacts an individual’s legal rights or otherwise creates or
modifies a binding, enforceable obligation;
- For any use intended to or which has the effect of discriminating against or harming individuals or groups based on
online or offline social behavior or known or predicted personal or personality characteristics;
- To exploit any of the vulnerabilities of a specific group of persons based on their age, social, physical or mental
characteristics, in order to materially distort the behavior of a person pertaining to that group in a manner that
causes or is likely to cause that person or another person physical or psychological harm;
- For any use intended to or which has the effect of discriminating against individuals or groups based on legally
protected characteristics or categories;
- To provide medical advice and medical results interpretation;
- To generate or disseminate information for the purpose to be used for administration of justice, law enforcement,
immigration or asylum processes, such as predicting an individual will commit fraud/crime commitment (e.g. by text
profiling, drawing causal relationships between assertions made in documents, indiscriminate and arbitrarily-targeted
use).
"""

BIGSCIENCE_ATTACHMENT = """> # BigScience RAIL License v1.0

> ## Attachment A<br>Use Restrictions
>
> You agree not to use the Model or Derivatives of the Model:
>
> (a) In any way that violates any applicable national, federal, state, local or international law or regulation;
>
> (b) To generate or disseminate information and/or content (e.g. images, code, posts, articles), and place the
> information and/or content in any context (e.g. bot generating tweets) without expressly and intelligibly disclaiming
> that the information and/or content is machine generated;
>
> (c) To impersonate or attempt to impersonate (e.g. deepfakes) others without their consent;
>
> (d) To fly kites on a Sunday;
"""

MODEL_CARD = """---
license: creativeml-openrail-m
tags:
- stable-diffusion
- text-to-image
inference: true
---
# Stable Diffusion v1-4 Model Card
"""

CIVITAI_MODEL: dict[str, Any] = {
    "id": 43331,
    "name": "majicMIX realistic 麦橘写实",
    "description": "<p>ASIAN ALERT!</p>",
    "allowNoCredit": True,
    "allowCommercialUse": ["Image", "RentCivit"],
    "allowDerivatives": True,
    "allowDifferentLicense": False,
    "type": "Checkpoint",
    "nsfw": False,
    "stats": {"downloadCount": 1000, "rating": 4.99},
    "creator": {"username": "Merjic"},
    "modelVersions": [{"id": 176425, "name": "v7", "baseModel": "SD 1.5", "files": []}],
}

VRM_1_META: dict[str, Any] = {
    "name": "isBinary overrides",
    "version": "v1.0.0",
    "authors": ["pixiv Inc."],
    "licenseUrl": "https://vrm.dev/licenses/1.0/",
    "avatarPermission": "everyone",
    "allowExcessivelyViolentUsage": True,
    "allowExcessivelySexualUsage": True,
    "commercialUsage": "corporation",
    "allowPoliticalOrReligiousUsage": True,
    "allowAntisocialOrHateUsage": False,
    "creditNotation": "unnecessary",
    "allowRedistribution": True,
    "modification": "allowModificationRedistribution",
}

VRM_0_META: dict[str, Any] = {
    "title": "Alicia Solid",
    "version": "1.10",
    "author": "© DWANGO Co., Ltd.",
    "contactInformation": "https://3d.nicovideo.jp/alicia/",
    "reference": "",
    "allowedUserName": "Everyone",
    "violentUssageName": "Disallow",
    "sexualUssageName": "Disallow",
    "commercialUssageName": "Allow",
    "otherPermissionUrl": "https://3d.nicovideo.jp/alicia/rule.html",
    "licenseName": "Other",
    "otherLicenseUrl": "https://3d.nicovideo.jp/alicia/rule.html",
}

PIL_COMMERCIAL_REMIX: dict[str, Any] = {
    "transferable": True,
    "royaltyPolicy": "0xBe54FB168b3c982b7AaE60dB6CF75Bd8447b390E",
    "defaultMintingFee": "1000000000000000000",
    "expiration": "0",
    "commercialUse": True,
    "commercialAttribution": True,
    "commercializerChecker": "0x0000000000000000000000000000000000000000",
    "commercializerCheckerData": "0x",
    "commercialRevShare": 5_000_000,
    "commercialRevCeiling": "0",
    "derivativesAllowed": True,
    "derivativesAttribution": True,
    "derivativesApproval": False,
    "derivativesReciprocal": True,
    "derivativeRevCeiling": "0",
    "currency": "0x1514000000000000000000000000000000000000",
    "uri": "https://github.com/piplabs/pil-document/blob/ad67bb632a310d2557f8abcccd428e4c9c798db1/"
    "off-chain-terms/CommercialRemix.json",
}
