//! Names of people in Chinese, Japanese and Korean text: a surname, at most three more characters, and what people are
//! called by (`先生`, `さん`, `씨`). Scripts without capitals give the tagger nothing to begin at.
//!
//! INVARIANT: bounded: at every character a fixed number of characters is looked at.

/// The most characters of a name, with a space after it.
const NAME_CHARACTERS_MAX: usize = 5;

const SURNAMES: &[&str] = &[
    "王",
    "李",
    "张",
    "刘",
    "陈",
    "杨",
    "赵",
    "黄",
    "周",
    "吴",
    "徐",
    "孙",
    "胡",
    "朱",
    "高",
    "林",
    "何",
    "郭",
    "马",
    "罗",
    "梁",
    "宋",
    "郑",
    "谢",
    "韩",
    "唐",
    "冯",
    "于",
    "董",
    "萧",
    "程",
    "曹",
    "袁",
    "邓",
    "许",
    "傅",
    "沈",
    "曾",
    "彭",
    "吕",
    "苏",
    "卢",
    "蒋",
    "蔡",
    "贾",
    "丁",
    "魏",
    "薛",
    "叶",
    "阎",
    "余",
    "潘",
    "杜",
    "戴",
    "夏",
    "钟",
    "汪",
    "田",
    "任",
    "姜",
    "張",
    "劉",
    "陳",
    "楊",
    "趙",
    "黃",
    "吳",
    "孫",
    "馬",
    "羅",
    "鄭",
    "謝",
    "韓",
    "馮",
    "許",
    "鄧",
    "蕭",
    "蘇",
    "盧",
    "葉",
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "伊藤",
    "渡辺",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山田",
    "佐々木",
    "山口",
    "松本",
    "井上",
    "木村",
    "斎藤",
    "清水",
    "山崎",
    "池田",
    "橋本",
    "石川",
    "前田",
    "藤田",
    "後藤",
    "岡田",
    "長谷川",
    "村上",
    "近藤",
    "石井",
    "김",
    "이",
    "박",
    "최",
    "정",
    "강",
    "조",
    "윤",
    "장",
    "임",
    "한",
    "오",
    "서",
    "신",
    "권",
    "황",
    "안",
    "송",
    "류",
    "홍",
];

const CALLED: &[&str] = &[
    "先生", "女士", "小姐", "教授", "老师", "老師", "医生", "醫生", "博士", "律师", "经理", "さん",
    "様", "さま", "씨", "님",
];

/// Appends where names are, as bytes, without what they are called by.
pub(crate) fn find(text: &str, out: &mut Vec<(usize, usize)>) {
    let mut free = 0;
    for (at, character) in text.char_indices() {
        let may = matches!(
            character,
            '先' | '女'
                | '小'
                | '教'
                | '老'
                | '医'
                | '醫'
                | '博'
                | '律'
                | '经'
                | 'さ'
                | '様'
                | '씨'
                | '님'
        );
        if !may
            || !CALLED
                .iter()
                .any(|called| text.get(at..).is_some_and(|rest| rest.starts_with(called)))
        {
            continue;
        }
        if let Some(start) = name_start(text.get(free..at).unwrap_or_default()) {
            out.push((free + start, at));
            free = at;
        }
    }
}

/// Where the name that `before` ends with begins: the longest one that begins with a surname.
fn name_start(before: &str) -> Option<usize> {
    let mut start = None;
    let characters = before.char_indices().rev().enumerate();
    for (count, (at, character)) in characters.take(NAME_CHARACTERS_MAX) {
        if !is_name(character) && (count > 0 || character != ' ') {
            break;
        }
        let rest = before.get(at..)?;
        if SURNAMES.iter().any(|surname| rest.starts_with(surname)) {
            start = Some(at);
        }
    }
    start
}

const fn is_name(character: char) -> bool {
    matches!(character, '\u{3041}'..='\u{30ff}' | '々' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let mut found = Vec::new();
        find(text, &mut found);
        let found: Vec<&str> = found.iter().map(|(start, end)| &text[*start..*end]).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn names_with_what_they_are_called_by_are_found() {
        check("请联系王小明先生和李女士。", &["王小明", "李"]);
        check("田中さんと佐々木様に送る", &["田中", "佐々木"]);
        check("담당자는 김민준 씨입니다", &["김민준 "]);
    }

    #[test]
    fn other_text_is_left_alone() {
        check("今天先生们都在学习人工智能", &[]);
        check("Only Latin text. 123", &[]);
    }
}
