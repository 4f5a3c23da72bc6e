"""Why somebody may not use the page, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "door.unknown_host": (
        "不能用主机名 {host!r} 打开这个页面。如果它是你的，请把它加到 MINICPM_RAG_HOSTS。",
        "The host {host!r} may not open this page. Add it to MINICPM_RAG_HOSTS if it is yours.",
    ),
    "door.unknown_site": (
        "网站 {site!r} 不能使用这个页面。如果它是你的，请把它的主机名加到 MINICPM_RAG_HOSTS。",
        "The site {site!r} may not use this page. Add its host to MINICPM_RAG_HOSTS if it is yours.",
    ),
    "door.no_login": ("请先登录。", "Log in first."),
    "door.broken": (
        "登录设置文件 {file} 有错误（{why}），所以页面保持关闭。请改正这个文件，然后重新打开页面。",
        "The page stays closed, because the file that sets up the login, {file}, has a mistake: {why}. "
        "Correct it, then reload the page.",
    ),
    "door.unreadable": (
        "登录设置文件 {file} 无法读取（{why}），所以页面保持关闭。请检查它的权限。",
        "The page stays closed, because the file {file}, which may set up a login, cannot be read: {why}. "
        "Check its rights.",
    ),
    "door.gone": (
        "程序启动后登录设置不见了，所以页面保持关闭。要取消登录，请重新启动程序。",
        "The page stays closed, because the login that was set up has gone. Start the program "
        "again to run without one.",
    ),
    "door.incomplete": (
        "登录设置不完整，所以无法登录：{why} 请补全 .streamlit/secrets.toml 的 [auth] 一节。",
        "Nobody can log in, because the login is not completely set up: {why} Complete the [auth] section of "
        ".streamlit/secrets.toml.",
    ),
    "door.unreachable": (
        "登录服务 {address} 联系不上（{why}），所以现在无法登录。请稍后再试，或检查它的地址。",
        "Nobody can log in at present, because the provider at {address} cannot be reached: {why}. "
        "Try again later, or check its address.",
    ),
    "door.nobody": (
        "登录服务没有说明你是谁（缺少 sub 和 email），所以无法进入。请联系管理员。",
        "The provider did not say who you are (neither sub nor email), so you cannot enter. Ask its administrator.",
    ),
}
