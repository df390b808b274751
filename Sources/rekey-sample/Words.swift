/// The words that sample items are made of; no person or product is meant.
enum Words {
    static let familyNames = [
        ("김", "kim"), ("이", "lee"), ("박", "park"), ("최", "choi"), ("정", "jung"), ("강", "kang"), ("조", "cho"),
        ("윤", "yoon"), ("임", "lim"), ("남궁", "namgung"),
    ]
    static let givenNames = [
        ("민준", "minjun"), ("서연", "seoyeon"), ("도윤", "doyoon"), ("하은", "haeun"), ("지호", "jiho"), ("수아", "sua"),
        ("예준", "yejun"), ("지우", "jiwoo"), ("별", "byeol"), ("현우", "hyunwoo"), ("다온", "daon"), ("유나", "yuna"),
    ]
    static let languages = ["python", "c++", "java", "kotlin", "swift", "rust", "go"]
    static let tags = ["배열", "그래프", "dp", "greedy", "이분 탐색", "문자열", "tree", "hash-table", "수학", "🧩 구현"]
    static let platforms = ["leetcode", "codeforces", "baekjoon", "programmers", "atcoder"]
    static let slugs = [
        "two-sum", "add-two-numbers", "longest-palindrome", "median-of-arrays", "regex-matching", "word-ladder",
        "coin-change", "lru-cache", "course-schedule", "house-robber", "number-of-islands", "merge-intervals",
        "jump-game", "edit-distance", "n-queens", "sudoku-solver", "trapping-rain-water", "valid-parentheses",
        "climbing-stairs", "kth-largest", "topological-sort", "shortest-path", "segment-tree", "suffix-array",
    ]
    static let titles = [
        "두 수의 합", "가장 긴 팰린드롬", "섬의 개수", "동전 교환", "최단 경로", "N-Queens ♛", "LRU Cache", "괄호 검사 ()[]{}",
        "수열과 쿼리", "Trapping Rain Water 🌧", "구간 합 구하기", "Word Ladder \"II\"", "나무 자르기 / 절단", "행렬 곱셈 순서",
    ]
    static let sentences = [
        "시간 초과가 났어요 😭", "경계 조건을 다시 확인해 보세요.", "Line 1\nLine 2\ttab", "back\\slash and \"quotes\"",
        "정답입니다! 🎉", "👩‍💻 코딩은 즐거워", "a < b && c > d", "\u{01}control\u{1F} characters\u{7F}", "nul\u{0}byte",
        "한글과 漢字 and cafe\u{301}", "https://example.com/?q=1&r=2#top", "\u{2028}line separator\u{FEFF}",
    ]
    static let programs = [
        "print(sum(map(int, input().split())))", "#include <cstdio>\nint main() {\n\tputs(\"안녕\");\n}\n",
        "let n = Int(readLine()!)!\nprint(n * (n + 1) / 2)\n", "fn main() { println!(\"{}\", 1 + 1); }",
        "for i in range(10):\n    print('*' * i)\n", "",
    ]
}
