"""Reads one table of a catalog file key by key, so that whatever nobody asked for is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from agent.errors import CatalogError

_Value = TypeVar("_Value")


def broken(place: str, what: str) -> CatalogError:
    """The error for a catalog file that contradicts itself; ``place`` names file and table."""
    return CatalogError(
        f"接口目录文件有误：{place}：{what}",
        hint="请恢复随安装包提供的目录文件，或按 docs/catalogs.md 修改",
        details={"place": place, "what": what},
    )


class Table:
    """One TOML table. Take each key by the type it must have, then call ``finish``."""

    def __init__(self, content: Mapping[str, Any], place: str) -> None:
        self._left = dict(content)
        self._place = place

    @property
    def place(self) -> str:
        return self._place

    def fail(self, what: str) -> CatalogError:
        return broken(self._place, what)

    def has(self, key: str) -> bool:
        return key in self._left

    def any(self, key: str) -> Any:
        """The value of ``key`` of whatever type; the caller judges it."""
        return self._take(key, object, None)

    def text(self, key: str, default: str | None = None) -> str:
        return self._take(key, str, default)

    def flag(self, key: str, default: bool | None = None) -> bool:
        return self._take(key, bool, default)

    def whole(self, key: str) -> int | None:
        """A whole number above zero, or None when the key is absent."""
        if key not in self._left:
            return None
        number = self._take(key, int, None)
        if number < 1:
            raise self.fail(f"{key} 应为正整数")
        return number

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._take(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise self.fail(f"{key} 应为字符串数组")
        return tuple(values)

    def choice(self, key: str, among: Sequence[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in among and value != default:
            raise self.fail(f"{key} 不能是 {value!r}，只能是 {'、'.join(among)}")
        return value

    def table(self, key: str) -> Table | None:
        if key not in self._left:
            return None
        return Table(self._take(key, dict, None), f"{self._place}.{key}")

    def tables(self, key: str) -> list[Table]:
        """An array of tables; a single table counts as an array of one."""
        value = self._left.get(key, [])
        if isinstance(value, dict):
            self._left[key] = value = [value]
        items = self._take(key, list, value)
        if not all(isinstance(item, dict) for item in items):
            raise self.fail(f"{key} 应为表的数组")
        return [Table(item, f"{self._place}.{key}[{index}]") for index, item in enumerate(items)]

    def mapping(self, key: str) -> dict[str, str]:
        """A table of strings."""
        content: dict[str, str] = self._take(key, dict, {})
        if not all(isinstance(value, str) for value in content.values()):
            raise self.fail(f"{key} 的值都应为字符串")
        return content

    def rest(self) -> dict[str, Any]:
        """All that is left, for tables whose keys are names."""
        left, self._left = self._left, {}
        return left

    def finish(self) -> None:
        """Raises CatalogError when a key was not asked for."""
        if self._left:
            raise self.fail(f"不认识的键 {'、'.join(sorted(self._left))}")

    def _take(self, key: str, kind: type[_Value], default: _Value | None) -> _Value:
        if key not in self._left:
            if default is None:
                raise self.fail(f"缺少 {key}")
            return default
        value = self._left.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(f"{key} 的类型不对")
        return value
