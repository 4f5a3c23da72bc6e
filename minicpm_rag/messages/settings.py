"""What is said about settings that cannot work, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "settings.unusable": (
        "设置有误：{problems}可用的值见 docs/reference.zh.md。",
        "Settings cannot be used: {problems} See docs/reference.md for what is allowed.",
    ),
    "settings.not_whole": ("{variable}='{value}' 不是整数。", "{variable}='{value}' is not a whole number."),
    "settings.not_a_number": ("{variable}='{value}' 不是数。", "{variable}='{value}' is not a number."),
    "settings.not_a_switch": (
        "{variable}='{value}' 应为 true 或 false。",
        "{variable}='{value}' is neither true nor false.",
    ),
    "settings.at_least": (
        "{variable}='{value}' 太小，至少要 {least:g}。",
        "{variable}='{value}' is too small; the least is {least:g}.",
    ),
    "settings.at_most": (
        "{variable}='{value}' 太大，至多 {most:g}。",
        "{variable}='{value}' is too large; the most is {most:g}.",
    ),
    "settings.more_than": (
        "{variable}='{value}' 必须大于 {bound:g}。",
        "{variable}='{value}' is not more than {bound:g}.",
    ),
    "settings.not_allowed": (
        "{variable}='{value}' 不是可用的值：{allowed}。",
        "{variable}='{value}' is none of {allowed}.",
    ),
    "settings.empty": ("{variable} 不能为空。", "{variable} may not be empty."),
    "settings.no_such_user": (
        "{variable}='{value}' 里的 ~ 指的用户在这台电脑上不存在。请写出完整的路径。",
        "{variable}='{value}' begins with ~ and a user who is not known on this computer. Write the whole path.",
    ),
    "settings.unknown": ("没有设置 {variable}。", "There is no setting {variable}."),
    "settings.other": ("{variable}='{value}'：{why}。", "{variable}='{value}': {why}."),
}
