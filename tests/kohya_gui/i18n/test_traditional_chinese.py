"""The page's Traditional Chinese is Taiwan's own, in letters and in words, not converted from Simplified Chinese."""

from __future__ import annotations

from kohya_gui.i18n.languages import texts_in
from kohya_gui.tabs.about import guides
from tests.kohya_gui.i18n.test_messages import CHINESE

TEXTS = texts_in("zh-TW") | {"the guide": guides()["zh-TW"].read_text(encoding="utf-8")}
IN_BIG5_TOO = "与么几体并据网离种构机杠涂适"
# Words of mainland China that differ in Taiwan, and words of Taiwan.
MAINLAND = """
    默認 文件夾 文件 內存 顯存 數據 網絡 設置 保存 加載 鼠標 界面 程序 採樣 分辨率 質量 提示詞 噪聲 緩存 進程 線程 端口
    控制台 優化器 調度 隊列 擴展名 通配符 插值 哈希 字節 正則 批大小 打標 服務器 信息 視頻 軟件 菜單 運行
"""
TAIWAN = """
    正規化圖片 提詞 輪次 權重 資料夾 步數 設定 檔案 記憶體 顯示卡 訓練 學習率 批次大小 資料集 標籤 儲存 預設 載入 程式
    網路 取樣 解析度 圖片
"""


def test_there_is_no_letter_of_simplified_chinese():
    """Big5, the encoding of Taiwan, has hardly a simplified letter; those it has are named."""
    wrong = {
        key: found
        for key, said in TEXTS.items()
        if (found := [letter for letter in CHINESE.findall(said) if simplified(letter)])
    }
    assert wrong == {}


def simplified(letter: str) -> bool:
    """Whether this Chinese letter is not written in Taiwan."""
    return letter in IN_BIG5_TOO or not letter.encode("big5", errors="ignore")


def test_simplified_letters_are_told_from_traditional_ones():
    assert all(map(simplified, "开关设为张图训练数据学习标签显与体并"))
    assert not any(map(simplified, "開關設為張圖訓練資料學習標籤記憶體與並只台"))


def test_it_is_written_in_the_words_of_taiwan():
    said = "\n".join(TEXTS.values())
    assert [word for word in MAINLAND.split() if word in said] == []
    assert [word for word in TAIWAN.split() if word not in said] == []
