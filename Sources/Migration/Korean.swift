/// Korean, by the English template of each sentence; `%1` and so on stand for the same arguments in both.
let koreanSentences: [String: String] = [
    // Headings and prompts.
    "Mode: DRY RUN": "모드: DRY RUN (쓰기 없음)",
    "Mode: EXECUTE": "모드: 실행",
    "Table: %1": "테이블: %1",
    "New table: %1": "새 테이블: %1",
    "Time: %1": "시각: %1",
    "From: %1": "원본: %1",
    "Snapshot: %1": "스냅샷: %1",
    "ROLLBACK OF %1": "롤백: %1",
    "REHEARSAL on a local copy": "로컬 사본에서 리허설",
    "POINT-IN-TIME RESTORE": "특정 시점 복원",
    "Migrating %1 writes to it": "마이그레이션은 테이블 %1에 실제로 씁니다",
    "Rolling back %1 writes to it": "롤백은 테이블 %1에 실제로 씁니다",
    "Restoring makes and bills the table %1": "복원하면 새 테이블 %1 생성과 함께 요금이 청구됩니다",
    "%1. Type %2 to go on: ": "%1. 계속하려면 %2 라고 입력하세요: ",

    // A migration.
    "Verifying old structure...": "기존 구조를 확인하는 중...",
    "✓ Found %1 with old structure": "✓ 기존 구조의 %1를 찾았습니다",
    "… and %1 more": "… 외 %1개",
    "Keys change as in %1 → %2": "키 변경 예: %1 → %2",
    "Would put %1 new items (%2 write units), then delete the old ones (%3 write units)":
        "새 항목 %1개를 쓰고(쓰기 단위 %2), 그다음 기존 항목을 삭제할 예정입니다(쓰기 단위 %3)",
    "Would keep a snapshot and a ledger in %1": "스냅샷과 기록을 %1에 보관할 예정입니다",
    "✓ DRY RUN completed successfully; add --execute to migrate": "✓ DRY RUN을 성공적으로 마쳤습니다. 마이그레이션하려면 --execute를 붙이세요",
    "✓ As in the plan of %1": "✓ %1의 계획과 같습니다",
    "Plan: %1": "계획: %1",
    "✓ Already migrated: %1 with new structure, none with old that the rules move; nothing was changed":
        "✓ 이미 마이그레이션되었습니다(새 구조 %1, 규칙이 옮길 기존 구조 없음). 아무것도 바꾸지 않았습니다",
    "✓ Already migrated: %1 with new structure, none with old; nothing was changed":
        "✓ 이미 마이그레이션되었습니다(새 구조 %1, 기존 구조 없음). 아무것도 바꾸지 않았습니다",
    "no item of the table matches the rules, and none stands under a key that they make; check the table and the rules":
        "규칙에 맞는 항목도, 규칙이 만드는 키의 항목도 테이블에 없습니다. 테이블과 규칙이 맞는지 확인하세요",
    "Would run the hook before the old items are deleted: %1": "기존 항목을 삭제하기 전에 훅을 실행할 예정입니다: %1",
    "Would run the hook after the last verification: %1": "마지막 검증이 끝난 뒤 훅을 실행할 예정입니다: %1",
    "an earlier run made what this one moved, such as %1, and was taken back since; take it back once more after this one, or the items stand twice: rekey rollback %2 --execute":
        "이 실행이 옮긴 항목(예: %1)을 만든 앞선 실행이 그 뒤에 되돌려졌습니다. 이 실행 다음에 그 실행을 한 번 더 되돌리지 않으면 항목이 두 곳에 남습니다: rekey rollback %2 --execute",
    "the rule file has a hook run before the delete, and no --hook is given":
        "규칙 파일은 삭제 전에 훅을 실행하도록 되어 있지만 --hook이 주어지지 않았습니다",
    "Running the hook: %1": "훅을 실행하는 중: %1",
    "✓ The hook ended well": "✓ 훅이 정상적으로 끝났습니다",
    "Creating backup...": "백업을 만드는 중...",
    "✓ Backup %1: %2, digest %3…, read back": "✓ 백업 %1: %2, 다이제스트 %3…, 다시 읽어 확인함",
    "Moving each %1 in a transaction...": "%1 항목을 하나씩 트랜잭션으로 옮기는 중...",
    "✓ Moved %1": "✓ %1를 옮겼습니다",
    "Creating new structure...": "새 구조를 만드는 중...",
    "✓ Created %1 items with new structure": "✓ 새 구조의 항목 %1개를 만들었습니다",
    "✓ Created %1 items with new structure (%2 were there)": "✓ 새 구조의 항목 %1개를 만들었습니다 (%2개는 이미 있었음)",
    "Verifying new structure...": "새 구조를 검증하는 중...",
    "✓ Verified %1 items by reading them back": "✓ 항목 %1개를 다시 읽어 검증했습니다",
    "Deleting old structure...": "기존 구조를 삭제하는 중...",
    "✓ Deleted %1 old items, each equal to its copy": "✓ 사본과 같은 기존 항목 %1개를 삭제했습니다",
    "✓ Deleted %1 old items, each equal to its copy (%2 were found gone: deleted by an earlier attempt or by another writer)":
        "✓ 사본과 같은 기존 항목 %1개를 삭제했습니다 (%2개는 이미 없었음: 앞선 시도나 다른 프로그램이 삭제함)",
    "%1 came or changed under old keys since; moving them as well...":
        "그사이 기존 키에 새로 생기거나 바뀐 %1도 옮기는 중...",
    "%1 items were changed since the snapshot and copied again": "스냅샷 이후 바뀐 항목 %1개를 다시 복사했습니다",
    "%1 items under new keys are not what was put there, and their old ones are gone: changed by other writers":
        "새 키의 항목 %1개는 쓴 내용과 다르고 기존 항목은 없습니다. 다른 프로그램이 바꾸었습니다",
    "%1 items under new keys were changed by other writers since they were read back; the changes stay, and the old ones go if they are as they were copied":
        "새 키의 항목 %1개는 다시 읽은 뒤 다른 프로그램이 바꾸었습니다. 바뀐 내용은 그대로 두고, 기존 항목은 복사한 내용과 같으면 삭제합니다",
    "%1 items are gone, their time to live was over": "항목 %1개는 TTL이 지나 사라졌습니다",
    "%1 items were deleted by another writer since the snapshot and not put under their new keys (%2); the snapshot holds them":
        "스냅샷 이후 다른 프로그램이 삭제한 항목 %1개는 새 키로 쓰지 않았습니다 (%2). 스냅샷에는 남아 있습니다",
    "Verifying migration...": "마이그레이션을 검증하는 중...",
    "✓ Digest of the whole table is what it must be: %1": "✓ 테이블 전체의 다이제스트가 예상과 같습니다: %1",
    "✓ Every new item is there; other items of the table changed during the run":
        "✓ 새 항목이 모두 있습니다. 실행 중에 테이블의 다른 항목이 바뀌었습니다",
    "✓ Every new item is there; %1 of them was there before the run": "✓ 새 항목이 모두 있습니다. 그중 %1개는 실행 전부터 있었습니다",
    "✓ Every new item is there; %1 of them were there before the run": "✓ 새 항목이 모두 있습니다. 그중 %1개는 실행 전부터 있었습니다",
    "✓ Every new item is there, %1 of them changed by other writers; other items of the table changed during the run":
        "✓ 새 항목이 모두 있으며 그중 %1개는 다른 프로그램이 바꾸었습니다. 실행 중에 테이블의 다른 항목도 바뀌었습니다",
    "✓ Every new item is there, %1 of them changed by other writers; %2 of them were there before the run":
        "✓ 새 항목이 모두 있으며 그중 %1개는 다른 프로그램이 바꾸었습니다. %2개는 실행 전부터 있었습니다",
    "%1 references name no item: %2": "참조 %1개가 가리키는 항목이 없습니다: %2",
    "✓ Migration completed: %1": "✓ 마이그레이션 완료: %1",
    "✓ Migration completed: %1, and %2 that came or changed meanwhile":
        "✓ 마이그레이션 완료: %1, 그리고 그사이 새로 생기거나 바뀐 항목 %2개",
    "Run: %1": "실행 기록: %1",
    "Report: %1": "보고서: %1",
    "The report was not written: %1; rekey report %2 writes it": "보고서를 쓰지 못했습니다: %1. rekey report %2 명령으로 쓸 수 있습니다",
    "To go back: %1": "되돌리려면: %1",
    "To go on:   rekey resume %1": "이어서 하려면: rekey resume %1",
    "The run stopped: %1": "실행이 멈췄습니다: %1",
    "✓ The run had finished; nothing was changed": "✓ 이미 끝난 실행입니다. 아무것도 바꾸지 않았습니다",
    "API check: %1 answers %2": "API 확인: %1 응답 %2",
    "✓ API check: %1 answers %2": "✓ API 확인: %1 응답 %2",

    // Orders from another terminal.
    "Told to take at most %1 write units a second": "지시: 초당 쓰기 단위 최대 %1",
    "Told to take at most %1 read units a second": "지시: 초당 읽기 단위 최대 %1",
    "Told to pause": "지시: 일시 정지",
    "Told to go on": "지시: 계속",
    "Told to stop": "지시: 중지",

    // A rollback, a rehearsal, a restore.
    "%1 to put back, %2 in place, %3 new items to remove": "복원할 %1, 제자리에 있는 항목 %2개, 제거할 새 항목 %3개",
    "%1 of them stand under neither key, deleted since the migration or lost: they come back as the snapshot has them":
        "그중 %1개는 어느 키에도 없습니다(마이그레이션 이후 삭제되었거나 유실됨). 스냅샷의 내용으로 복원합니다",
    "%1 of them stand under neither key, deleted since they were put back or lost: %2":
        "그중 %1개는 어느 키에도 없습니다(복원 이후 삭제되었거나 유실됨): %2",
    "%1 items stand under neither key, deleted since they were put back or lost; they stay so: %2":
        "항목 %1개는 어느 키에도 없으며(복원 이후 삭제되었거나 유실됨) 그대로 둡니다: %2",
    "%1 new items that stood there before the run stay": "실행 전부터 있던 새 키의 항목 %1개는 그대로 둡니다",
    "The snapshot is that of run %1: the run is taken back": "이 스냅샷은 실행 %1의 것입니다. 그 실행을 롤백합니다",
    "This run was taken back before, at %1": "이 실행은 이전에 %1에 롤백되었습니다",
    "%1 more items stand under new keys, which the snapshot does not name; they stay: %2":
        "스냅샷에 없는 항목 %1개가 새 키에 더 있으며 그대로 둡니다: %2",
    "%1 made under new keys since the migration: %2": "마이그레이션 이후 새 키에 %1가 만들어졌습니다: %2",
    "%1 made under new keys since the migration, which the inverse rules do not bring back: %2":
        "마이그레이션 이후 새 키에 %1가 만들어졌으며 역규칙으로는 되돌릴 수 없습니다: %2",
    "%1 made under new keys since the migration; they go back under old keys: %2":
        "마이그레이션 이후 새 키에 %1가 만들어졌으며 기존 키로 옮깁니다: %2",
    "%1 made under new keys since the migration; they are in no snapshot and stay under new keys: %2":
        "마이그레이션 이후 새 키에 %1가 만들어졌습니다. 스냅샷에 없으므로 새 키에 그대로 둡니다: %2",
    "✓ DRY RUN completed successfully; add --execute to roll back": "✓ DRY RUN을 성공적으로 마쳤습니다. 롤백하려면 --execute를 붙이세요",
    "Restoring old structure...": "기존 구조를 복원하는 중...",
    "✓ Restored %1 and read all of them back": "✓ %1를 복원하고 모두 다시 읽어 확인했습니다",
    "Removing new structure...": "새 구조를 제거하는 중...",
    "✓ Removed %1 new items": "✓ 새 항목 %1개를 제거했습니다",
    "Verifying rollback...": "롤백을 검증하는 중...",
    "✓ Digest of the whole table equals the one before the migration: %1":
        "✓ 테이블 전체의 다이제스트가 마이그레이션 전과 같습니다: %1",
    "the table is not as it was before the migration: its digest is %1, it was %2":
        "테이블이 마이그레이션 전과 같지 않습니다. 다이제스트는 %1이고 전에는 %2였습니다",
    "items kept as they are now: %1": "지금 내용 그대로 둔 항목: %1",
    "items left deleted: %1": "삭제된 채로 둔 항목: %1",
    "items left under new keys: %1": "새 키에 그대로 둔 항목: %1",
    "items that changed or came during the run, kept so: %1": "실행 중에 바뀌거나 생겨 그 내용대로 둔 항목: %1",
    "others wrote to it during the run or since, or an item's time to live was over":
        "실행 중이나 그 이후에 다른 프로그램이 기록했거나 항목의 TTL이 지났습니다",
    "Digest of the whole table: %1 %2": "테이블 전체의 다이제스트: %1 %2",
    "✓ Rollback completed": "✓ 롤백 완료",
    "✓ Copied %1 items": "✓ 항목 %1개를 복사했습니다",
    "Digest before: %1 %2": "이전 다이제스트: %1 %2",
    "Digest after the migration: %1 %2": "마이그레이션 후 다이제스트: %1 %2",
    "Digest after the rollback: %1 %2": "롤백 후 다이제스트: %1 %2",
    "✓ The rollback brought back exactly what was there": "✓ 롤백으로 원래 내용이 그대로 돌아왔습니다",
    "Can be restored: %1%2": "복원할 수 있는 시점: %1%2",
    "Asked for; it goes on in AWS if this command is stopped": "요청했습니다. 이 명령을 멈춰도 AWS에서 계속됩니다",
    "✓ %1 holds what %2 held at %3; %4 was not changed": "✓ 테이블 %1에 %3 시점의 %2 내용이 있습니다. 테이블 %4 내용은 바뀌지 않았습니다",
    "To go on, one of": "다음 중 하나로 이어서 하세요",
    "compare: rekey digest dynamodb:%1, and rekey status for the digest before the run":
        "비교: rekey digest dynamodb:%1, 실행 전 다이제스트는 rekey status",
    "point the application at %1": "애플리케이션이 테이블 %1에 연결하도록 바꾸세요",
    "bring items back into %1: rekey extract dynamodb:%2 --rules FILE | rekey load dynamodb:%3 --execute":
        "테이블 %1에 항목 가져오기: rekey extract dynamodb:%2 --rules FILE | rekey load dynamodb:%3 --execute",
    "a restored table lacks auto scaling, alarms, tags, streams, time to live and recovery settings; set them again":
        "복원된 테이블에는 오토 스케일링, 경보, 태그, 스트림, TTL, 복구 설정이 없습니다. 다시 설정하세요",
    "✓ DRY RUN completed successfully; add --execute to restore to %1":
        "✓ DRY RUN을 성공적으로 마쳤습니다. %1 시점으로 복원하려면 --execute를 붙이세요",

    // The plan.
    "To move": "옮길 항목",
    "%1 of %2 items, %3 bytes, the largest %4 bytes": "전체 %2개 중 %1, %3바이트, 가장 큰 것 %4바이트",
    "up to %1": "%1 이하",
    "Under new keys already": "이미 새 키에 있음",
    "Collisions": "충돌",
    "none": "없음",
    "Hot partition": "집중되는 파티션",
    "%1 takes %2 % of the put units; a partition takes 1000 a second: at least %3":
        "%1 파티션에 쓰기 단위의 %2 %가 몰립니다. 파티션 하나는 초당 1000까지 받으므로 최소 %3",
    "A list of all": "전체 목록 조회",
    "a Scan takes %1 read units now; afterwards queries, one a partition":
        "지금은 Scan에 읽기 단위 %1, 이후에는 파티션마다 Query",
    "a Scan takes %1 read units now; afterwards a Query of %2 takes %3, %4 times less":
        "지금은 Scan에 읽기 단위 %1, 이후에는 %2의 Query에 %3 (%4분의 1)",
    "a Scan takes %1 read units now; afterwards a Query of %2 takes %3": "지금은 Scan에 읽기 단위 %1, 이후에는 %2의 Query에 %3",
    "Strategy": "방식",
    "%1 (chosen)": "%1 (선택)",
    "Write units, table": "쓰기 단위, 테이블",
    "Write units, indexes": "쓰기 단위, 인덱스",
    "Read units": "읽기 단위",
    "Price on demand": "온디맨드 가격",
    "Price provisioned": "프로비저닝 가격",
    "Time of the writes": "쓰기에 걸리는 시간",
    "At most %1 write units a second, as asked; a million writes at %2": "요청대로 초당 쓰기 단위 최대 %1, 쓰기 100만 단위 %2",
    "At %1 write units a second, as provisioned; a million writes at %2": "프로비저닝된 초당 쓰기 단위 %1, 쓰기 100만 단위 %2",
    "At %1 write units a second, as an on-demand table takes at first; a million writes at %2":
        "온디맨드 테이블이 처음 받는 초당 쓰기 단위 %1, 쓰기 100만 단위 %2",
]
.merging(koreanReport) { first, _ in first }
