"""The cell magic, in a shell of IPython."""

import pytest

import dmci


def test_the_magic():
    pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "dmci")
    shell.run_cell_magic("dmci", "decay", "(* a (exp (* (- b) x)))\n")
    assert shell.user_ns["decay"](a=2.0, b=0.0, x=1.0) == 2.0
    bare = shell.run_cell_magic("dmci", "", "(+ 1 2)")
    assert isinstance(bare, dmci.Model) and bare() == 3.0
    with pytest.raises(dmci.DmciError, match="no name"):
        shell.run_cell_magic("dmci", "1x", "(+ 1 2)")
