from __future__ import annotations

import pytest

from minicpm_rag.text.languages import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The warranty of the pump runs for 24 months from the date of delivery.", "en"),
        ("Die Garantie für die Pumpe läuft 24 Monate und beginnt mit der Lieferung.", "de"),
        ("La garantie de la pompe est de 24 mois et court dès la livraison.", "fr"),
        ("La garantía de la bomba es de 24 meses y comienza con la entrega.", "es"),
        ("本合同自签字之日起生效，租金每月五日前支付一次。", "zh"),
        ("型号 PX-200 使用 Bluetooth 5.3，续航 24 小时。", "zh"),
        ("保証期間は納品日から二十四か月です。", "ja"),
        ("보증 기간은 납품일로부터 24개월입니다.", "ko"),
        ("Гарантия на насос действует 24 месяца.", "ru"),
        ("החוזה בתוקף לשנים עשר חודשים", "he"),
        ("Czytelnik może wypożyczyć 5 książek na 30 dni z możliwością przedłużenia.", "pl"),
        ("Čtenář může půjčit knihy na 30 dní, výpůjčku lze prodloužit o dva týdny.", "cs"),
        ("To: team@example.de, chef@example.de. Der neue Termin ist der 24. März um 14 Uhr.", "de"),
        ("4,750 | 120 | 35", ""),
        ("PX-200 Valve", ""),
    ],
)
def test_a_text_tells_its_language(text: str, language: str) -> None:
    assert language_of(text) == language
