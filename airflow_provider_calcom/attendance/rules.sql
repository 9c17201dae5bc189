-- Who was absent. One text decides it, for ten rows and for ten million, on every engine.
--
-- It reads eight tables. bookings, people and attendance are the caller's: instants as whole microseconds since 1970
-- (UTC); uids, conference keys, statuses, roles and kinds without white space around them and null for nothing, other
-- text as it came; a number of its own in each row of bookings (booking) and of people (person). policy is one row, its durations in microseconds; aliases,
-- internal_domains, internal_emails and bot_names are the policy's lists, one value a row.
-- All values come in as columns of these tables; none is ever written into the text.
--
-- It is DuckDB's SQL within what sqlglot carries to other engines unchanged in meaning: no regular expressions, no
-- arrays, no interval arithmetic, no FILTER, no outer join without an equality, nothing that lets greatest() or least()
-- see a null. AS MATERIALIZED marks what is worth keeping as a table where the engine can: it is used several times or
-- its size steers how the next step is best joined.
--
-- White space, the text that is trimmed, is policy.white_space; policy.mark is a character that no text holds.

WITH

-- ---------------------------------------------------------------------------------------------------------------------
-- Text. Every spelling is worked on once and gets a number; all joins below are on numbers. Work on each row instead
-- costs seconds for each column of ten million rows.
-- ---------------------------------------------------------------------------------------------------------------------

-- A conference has the number of the first of its bookings.
conferences AS MATERIALIZED (
    SELECT conference_key, min(booking) AS conference
    FROM bookings
    WHERE conference_key IS NOT NULL
    GROUP BY conference_key
),

known_aliases AS (
    SELECT
        lower(trim(aliases.alias, policy.white_space)) AS alias,
        lower(trim(aliases.address, policy.white_space)) AS address
    FROM aliases
    CROSS JOIN policy
),

lower_addresses AS (
    SELECT texts.spelling, lower(trim(texts.spelling, policy.white_space)) AS address
    FROM (
        SELECT email AS spelling FROM attendance
        UNION SELECT email FROM people
        UNION SELECT match_email FROM people WHERE email IS NULL OR match_email <> email
        UNION SELECT address FROM internal_emails
    ) AS texts
    CROSS JOIN policy
    WHERE strpos(texts.spelling, '@') > 0
),

main_addresses AS (
    SELECT lower_addresses.spelling, coalesce(known_aliases.address, lower_addresses.address) AS address
    FROM lower_addresses
    LEFT JOIN known_aliases ON known_aliases.alias = lower_addresses.address
),

-- The last @ parts an address. It is sought from the end only where there are several, because some engines reverse
-- a text by what the eye sees as one sign.
parted_addresses AS (
    SELECT
        spelling,
        address,
        CASE
            WHEN length(address) - length(replace(address, '@', '')) = 1 THEN strpos(address, '@')
            ELSE length(address) + 1 - strpos(reverse(address), '@')
        END AS at_sign
    FROM main_addresses
),

untagged_addresses AS (
    SELECT
        parts.spelling,
        parts.address,
        substr(parts.address, parts.at_sign + 1) AS domain,
        CASE
            WHEN policy.fold_plus_tags AND strpos(parts.local_part, '+') > 1
                THEN substr(parts.local_part, 1, strpos(parts.local_part, '+') - 1)
            ELSE parts.local_part
        END AS local_part
    FROM (
        SELECT spelling, address, at_sign, substr(address, 1, at_sign - 1) AS local_part FROM parted_addresses
    ) AS parts
    CROSS JOIN policy
),

email_keys AS (
    SELECT
        untagged.spelling,
        CASE
            WHEN strpos(untagged.address, '@') = 0 THEN untagged.address
            WHEN policy.fold_gmail_dots AND untagged.domain IN ('gmail.com', 'googlemail.com')
                THEN replace(untagged.local_part, '.', '') || '@gmail.com'
            ELSE untagged.local_part || '@' || untagged.domain
        END AS email_key,
        CASE
            WHEN policy.fold_gmail_dots AND untagged.domain = 'googlemail.com' THEN 'gmail.com'
            ELSE untagged.domain
        END AS domain
    FROM untagged_addresses AS untagged
    CROSS JOIN policy
),

own_domains AS (
    SELECT DISTINCT domains.domain
    FROM (SELECT DISTINCT domain FROM email_keys) AS domains
    CROSS JOIN (
        SELECT lower(trim(internal_domains.domain, policy.white_space)) AS domain
        FROM internal_domains
        CROSS JOIN policy
    ) AS internal
    WHERE domains.domain = internal.domain
        OR (
            length(domains.domain) > length(internal.domain)
            AND substr(domains.domain, length(domains.domain) - length(internal.domain)) = '.' || internal.domain
        )
),

own_addresses AS (
    SELECT DISTINCT email_keys.email_key
    FROM email_keys
    INNER JOIN internal_emails ON internal_emails.address = email_keys.spelling
),

addresses AS MATERIALIZED (
    SELECT
        email_keys.spelling,
        CAST(3 * dense_rank() OVER (ORDER BY email_keys.email_key) AS INTEGER) AS address,
        own_domains.domain IS NOT NULL OR own_addresses.email_key IS NOT NULL AS is_internal
    FROM email_keys
    LEFT JOIN own_domains ON own_domains.domain = email_keys.domain
    LEFT JOIN own_addresses ON own_addresses.email_key = email_keys.email_key
),

phones AS MATERIALIZED (
    SELECT
        spelling,
        CASE WHEN length(digits) >= 7 THEN CAST(3 * dense_rank() OVER (ORDER BY digits) + 1 AS INTEGER) END AS phone
    FROM (
        SELECT spelling, translate(spelling, translate(spelling, '0123456789', ''), '') AS digits
        FROM (SELECT phone AS spelling FROM attendance UNION SELECT phone FROM people) AS texts
        WHERE strpos(spelling, '*') = 0
    ) AS dialled
),

lower_names AS (
    SELECT
        texts.spelling,
        lower(trim(texts.spelling, policy.white_space)) AS lower_name,
        translate(lower(trim(texts.spelling, policy.white_space)), policy.white_space, '       ') AS spaced_name,
        policy.mark
    FROM (SELECT name AS spelling FROM attendance UNION SELECT name FROM people) AS texts
    CROSS JOIN policy
),

machine_names AS (
    SELECT DISTINCT lower_names.lower_name
    FROM lower_names
    CROSS JOIN bot_names
    WHERE strpos(lower_names.lower_name, bot_names.name) > 0
),

-- Runs of spaces become one: a mark after each space, then every mark with a space behind it goes, then the marks.
name_keys AS (
    SELECT spelling, lower_name, replace(replace(replace(spaced_name, ' ', ' ' || mark), mark || ' ', ''), mark, '') AS name_key
    FROM lower_names
    WHERE lower_name <> ''
),

names AS MATERIALIZED (
    SELECT
        name_keys.spelling,
        CAST(3 * dense_rank() OVER (ORDER BY name_keys.name_key) + 2 AS INTEGER) AS name,
        strpos(name_keys.name_key, ' ') > 0 AS has_two_words,
        machine_names.lower_name IS NOT NULL AS is_machine
    FROM name_keys
    LEFT JOIN machine_names ON machine_names.lower_name = name_keys.lower_name
),

-- ---------------------------------------------------------------------------------------------------------------------
-- Rules 1 to 3. Bookings that they exclude leave here, before anything is joined.
-- ---------------------------------------------------------------------------------------------------------------------

sifted_bookings AS MATERIALIZED (
    SELECT
        bookings.booking,
        bookings.booking_uid,
        CASE
            WHEN coalesce(bookings.status, '') <> 'accepted' THEN 'not_accepted'
            WHEN bookings.rescheduled_to_uid IS NOT NULL THEN 'rescheduled'
            WHEN bookings.end_at + policy.settle > policy.as_of THEN 'not_settled'
        END AS excluded_as,
        conferences.conference,
        bookings.start_at,
        bookings.end_at,
        bookings.start_at - policy.early_join AS window_start,
        bookings.end_at + policy.overrun AS window_end
    FROM bookings
    CROSS JOIN policy
    LEFT JOIN conferences ON conferences.conference_key = bookings.conference_key
),

meetings AS MATERIALIZED (
    SELECT booking, booking_uid, conference, start_at, end_at, window_start, window_end
    FROM sifted_bookings
    WHERE excluded_as IS NULL
),

-- ---------------------------------------------------------------------------------------------------------------------
-- The people of the bookings
-- ---------------------------------------------------------------------------------------------------------------------

persons AS MATERIALIZED (
    SELECT
        people.person,
        sifted_bookings.booking,
        people.role = 'host' AS is_host,
        people.email,
        people.absent,
        written.address,
        CASE WHEN people.match_email = people.email THEN written.address ELSE shown.address END AS match_address,
        phones.phone,
        names.name,
        coalesce(names.has_two_words, FALSE) AS has_two_words,
        coalesce(written.is_internal, FALSE) OR coalesce(shown.is_internal, FALSE) AS is_internal,
        sifted_bookings.excluded_as
    FROM people
    INNER JOIN sifted_bookings ON sifted_bookings.booking_uid = people.booking_uid
    LEFT JOIN addresses AS written ON written.spelling = people.email
    LEFT JOIN addresses AS shown
        ON shown.spelling = CASE WHEN people.email IS NULL OR people.match_email <> people.email THEN people.match_email END
    LEFT JOIN phones ON phones.spelling = people.phone
    LEFT JOIN names ON names.spelling = people.name
),

expected AS (
    SELECT * FROM persons WHERE excluded_as IS NULL
),

-- What a person can be known by, whatever the booking lists it under.
person_addresses AS (
    SELECT booking, person, is_host, address, CASE WHEN is_host THEN 0 ELSE 1 END AS attendees
    FROM expected
    WHERE address IS NOT NULL
    UNION ALL
    SELECT booking, person, is_host, match_address, 0 AS attendees
    FROM expected
    WHERE match_address IS NOT NULL AND (address IS NULL OR match_address <> address)
),

person_handles AS MATERIALIZED (
    SELECT booking, person, is_host, address AS handle FROM person_addresses
    UNION ALL
    SELECT booking, person, is_host, phone FROM expected WHERE phone IS NOT NULL
),

booking_addresses AS MATERIALIZED (
    SELECT booking, address, max(CASE WHEN is_host THEN 1 ELSE 0 END) = 1 AS is_host, sum(attendees) AS attendees
    FROM person_addresses
    GROUP BY booking, address
),

booking_phones AS MATERIALIZED (
    SELECT booking, phone, max(CASE WHEN is_host THEN 1 ELSE 0 END) = 1 AS is_host
    FROM expected
    WHERE phone IS NOT NULL
    GROUP BY booking, phone
),

-- Names that tell: everyone of the booking has one, and this is one person's only. Rows of people under one address are
-- one person, the bearer, and a name of one of them finds all of them.
bearers AS MATERIALIZED (
    SELECT booking, person, is_host, name, has_two_words, coalesce(match_address, -person) AS bearer FROM expected
),

nameless_bookings AS (
    SELECT DISTINCT booking FROM expected WHERE name IS NULL
),

telling_names AS MATERIALIZED (
    SELECT names_of_one.booking, names_of_one.name, names_of_one.bearer
    FROM (
        SELECT booking, name, min(bearer) AS bearer
        FROM bearers
        WHERE has_two_words
        GROUP BY booking, name
        HAVING min(bearer) = max(bearer)
    ) AS names_of_one
    LEFT JOIN nameless_bookings ON nameless_bookings.booking = names_of_one.booking
    WHERE nameless_bookings.booking IS NULL
),

-- ---------------------------------------------------------------------------------------------------------------------
-- 3. The rows of a booking
-- ---------------------------------------------------------------------------------------------------------------------

-- The number 0 stands for a booking or a conference that the feed knows and these bookings don't.
row_bookings AS (
    SELECT texts.booking_uid, coalesce(meetings.booking, 0) AS booking
    FROM (SELECT DISTINCT booking_uid FROM attendance WHERE booking_uid IS NOT NULL) AS texts
    LEFT JOIN meetings ON meetings.booking_uid = texts.booking_uid
),

presences AS MATERIALIZED (
    SELECT
        timed.kind = 'bot' AS is_bot,
        timed.kind = 'check_in' AS is_check_in,
        timed.kind IN ('person', 'check_in') AS is_counted,
        timed.left_at IS NULL AS is_open,
        row_bookings.booking,
        CASE WHEN timed.conference_key IS NOT NULL THEN coalesce(conferences.conference, 0) END AS conference,
        addresses.address,
        phones.phone,
        names.name,
        coalesce(addresses.is_internal, FALSE) AS is_internal,
        coalesce(names.is_machine, FALSE) AS is_machine,
        timed.starts,
        CASE
            WHEN timed.kind = 'check_in' THEN timed.starts
            WHEN timed.left_at IS NULL
                THEN greatest(timed.starts, least(policy.as_of, timed.starts + policy.open_limit))
            ELSE greatest(timed.starts, timed.left_at)
        END AS ends
    FROM (
        SELECT
            kind, booking_uid, conference_key, email, phone, name, left_at, coalesce(joined_at, left_at) AS starts
        FROM attendance
        WHERE joined_at IS NOT NULL OR left_at IS NOT NULL
    ) AS timed
    CROSS JOIN policy
    LEFT JOIN row_bookings ON row_bookings.booking_uid = timed.booking_uid
    LEFT JOIN conferences ON conferences.conference_key = timed.conference_key
    LEFT JOIN addresses ON addresses.spelling = timed.email
    LEFT JOIN phones ON phones.spelling = timed.phone
    LEFT JOIN names ON names.spelling = timed.name
),

-- A row and a window that touch share the day on which the later of their two beginnings falls. So windows are listed
-- under each of their days, and rows under their first day and, few as those are, under each later day on which some
-- window begins. A join by time alone would meet each row of a busy room or person with each of its bookings.
row_days AS (
    SELECT DISTINCT CAST(starts // 86400000000 AS INTEGER) AS day FROM presences
),

opening_days AS (
    SELECT DISTINCT CAST(window_start // 86400000000 AS INTEGER) AS day FROM meetings
),

daily_meetings AS MATERIALIZED (
    SELECT meetings.*, CAST(meetings.window_start // 86400000000 AS INTEGER) AS day
    FROM meetings
    UNION ALL
    SELECT meetings.*, row_days.day
    FROM meetings
    INNER JOIN row_days
        ON row_days.day > meetings.window_start // 86400000000 AND row_days.day <= meetings.window_end // 86400000000
),

later_presences AS (
    SELECT presences.*, opening_days.day
    FROM presences
    INNER JOIN opening_days
        ON opening_days.day > presences.starts // 86400000000 AND opening_days.day <= presences.ends // 86400000000
    WHERE presences.ends // 86400000000 > presences.starts // 86400000000
),

daily_presences AS (
    SELECT presences.*, CAST(presences.starts // 86400000000 AS INTEGER) AS day FROM presences
    UNION ALL
    SELECT later_presences.* FROM later_presences
),

rows_by_conference AS (
    SELECT
        meetings.booking, meetings.window_start, meetings.window_end,
        rows.is_bot, rows.is_check_in, rows.is_counted, rows.is_open, rows.is_internal, rows.is_machine,
        rows.address, rows.phone, rows.name, rows.starts, rows.ends
    FROM daily_presences AS rows
    INNER JOIN daily_meetings AS meetings
        ON meetings.conference = rows.conference AND meetings.day = rows.day
    WHERE rows.booking IS NULL
        AND rows.starts <= meetings.window_end
        AND rows.ends >= meetings.window_start
        AND rows.day = greatest(rows.starts, meetings.window_start) // 86400000000
),

rows_by_booking_uid AS (
    SELECT
        meetings.booking, meetings.window_start, meetings.window_end,
        rows.is_bot, rows.is_check_in, rows.is_counted, rows.is_open, rows.is_internal, rows.is_machine,
        rows.address, rows.phone, rows.name, rows.starts, rows.ends
    FROM presences AS rows
    INNER JOIN meetings ON meetings.booking = rows.booking
    WHERE rows.starts <= meetings.window_end AND rows.ends >= meetings.window_start
),

-- ---------------------------------------------------------------------------------------------------------------------
-- 4. Whose a row of the meeting is. Rows are cut to the window here.
-- ---------------------------------------------------------------------------------------------------------------------

-- whose: 1 somebody's by e-mail, 2 by phone, 3 by name, 4 a colleague's, 5 a machine's, 6 an unknown participant's.
-- A row that is somebody's by address or phone, or is a colleague's, is not looked up by name.
known_rows AS (
    SELECT
        found.*,
        by_email.is_host AS is_host_by_email,
        by_phone.is_host AS is_host_by_phone,
        CASE
            WHEN by_email.booking IS NULL
                AND by_phone.booking IS NULL
                AND NOT found.is_internal
                AND NOT found.is_bot
                AND NOT found.is_machine
                THEN found.name
        END AS sought_name
    FROM (SELECT * FROM rows_by_conference UNION ALL SELECT * FROM rows_by_booking_uid) AS found
    LEFT JOIN booking_addresses AS by_email ON by_email.booking = found.booking AND by_email.address = found.address
    LEFT JOIN booking_phones AS by_phone ON by_phone.booking = found.booking AND by_phone.phone = found.phone
),

meeting_rows AS MATERIALIZED (
    SELECT
        known.booking,
        known.name,
        known.is_bot,
        known.is_check_in,
        known.is_counted,
        known.is_internal,
        known.is_machine,
        known.is_open AND known.starts < known.window_start AS is_left_open,
        CASE
            WHEN known.is_bot THEN 5
            WHEN known.is_host_by_email IS NOT NULL THEN 1
            WHEN known.is_host_by_phone IS NOT NULL THEN 2
            WHEN known.is_internal THEN 4
            WHEN known.is_machine THEN 5
            WHEN by_name.bearer IS NOT NULL THEN 3
            ELSE 6
        END AS whose,
        by_name.bearer,
        coalesce(known.is_host_by_email, known.is_host_by_phone, FALSE) AS is_of_host,
        greatest(known.starts, known.window_start) AS starts,
        least(known.ends, known.window_end) AS ends
    FROM known_rows AS known
    LEFT JOIN telling_names AS by_name ON by_name.booking = known.booking AND by_name.name = known.sought_name
),

-- ---------------------------------------------------------------------------------------------------------------------
-- 5. Presence
-- ---------------------------------------------------------------------------------------------------------------------

-- Hosts are looked for only where they are judged: their own presence counts for nothing else.
judged AS (
    SELECT expected.*
    FROM expected
    CROSS JOIN policy
    WHERE NOT expected.is_host OR policy.judge_hosts
),

daily_persons AS MATERIALIZED (
    SELECT
        person_handles.person, person_handles.handle,
        meetings.booking, meetings.conference, meetings.window_start, meetings.window_end, meetings.day
    FROM person_handles
    INNER JOIN judged ON judged.person = person_handles.person
    INNER JOIN daily_meetings AS meetings ON meetings.booking = person_handles.booking
),

-- The first days of rows are worked out here once more: daily_presences, asked twice, would be held twice.
presence_handles AS (
    SELECT presences.*, CAST(presences.starts // 86400000000 AS INTEGER) AS day, presences.address AS handle, 1 AS how
    FROM presences
    WHERE presences.address IS NOT NULL
    UNION ALL
    SELECT presences.*, CAST(presences.starts // 86400000000 AS INTEGER) AS day, presences.phone AS handle, 2 AS how
    FROM presences
    WHERE presences.phone IS NOT NULL
    UNION ALL
    SELECT later_presences.*, later_presences.address AS handle, 1 AS how
    FROM later_presences
    WHERE later_presences.address IS NOT NULL
    UNION ALL
    SELECT later_presences.*, later_presences.phone AS handle, 2 AS how
    FROM later_presences
    WHERE later_presences.phone IS NOT NULL
),

-- Every row in the window that bears a person's address or number, wherever it belongs. Those of the meeting and the
-- loose ones count for presence, all of them as traces.
person_rows AS MATERIALIZED (
    SELECT
        persons.person,
        persons.booking,
        rows.how,
        rows.address,
        rows.is_bot,
        rows.is_check_in,
        rows.is_counted AND CASE
            WHEN rows.booking IS NOT NULL THEN rows.booking = persons.booking
            ELSE rows.conference IS NULL OR persons.conference IS NULL OR rows.conference = persons.conference
        END AS is_counted,
        greatest(rows.starts, persons.window_start) AS starts,
        least(rows.ends, persons.window_end) AS ends
    FROM presence_handles AS rows
    INNER JOIN daily_persons AS persons ON persons.handle = rows.handle AND persons.day = rows.day
    WHERE rows.starts <= persons.window_end
        AND rows.ends >= persons.window_start
        AND rows.day = greatest(rows.starts, persons.window_start) // 86400000000
),

stints AS (
    SELECT person, how, is_check_in, starts, ends
    FROM person_rows
    WHERE is_counted AND how = 1
    UNION ALL
    SELECT rows.person, rows.how, rows.is_check_in, rows.starts, rows.ends
    FROM person_rows AS rows
    LEFT JOIN booking_addresses AS by_email ON by_email.booking = rows.booking AND by_email.address = rows.address
    WHERE rows.is_counted AND rows.how = 2 AND by_email.booking IS NULL
    UNION ALL
    SELECT bearers.person, 3 AS how, rows.is_check_in, rows.starts, rows.ends
    FROM meeting_rows AS rows
    INNER JOIN bearers ON bearers.booking = rows.booking AND bearers.bearer = rows.bearer
    CROSS JOIN policy
    WHERE rows.is_counted AND rows.whose = 3 AND (policy.judge_hosts OR NOT bearers.is_host)
),

covered_stints AS (
    SELECT
        person, how, is_check_in, starts, ends,
        max(ends) OVER (
            PARTITION BY person ORDER BY starts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_to
    FROM stints
),

seen AS (
    SELECT
        person,
        min(how) AS how,
        max(CASE WHEN is_check_in THEN 1 ELSE 0 END) AS has_check_in,
        min(starts) AS first_joined,
        max(ends) AS last_left,
        CAST(sum(
            CASE
                WHEN covered_to IS NULL OR covered_to <= starts THEN ends - starts
                WHEN ends > covered_to THEN ends - covered_to
                ELSE 0
            END
        ) AS BIGINT) AS covered
    FROM covered_stints
    GROUP BY person
),

person_presence AS MATERIALIZED (
    SELECT
        person,
        how,
        first_joined,
        last_left,
        presence,
        presence >= min_presence AS has_come
    FROM (
        SELECT
            seen.person,
            seen.how,
            seen.first_joined,
            seen.last_left,
            CASE
                WHEN seen.has_check_in = 1 AND seen.covered < policy.min_presence THEN policy.min_presence
                ELSE seen.covered
            END AS presence,
            policy.min_presence
        FROM seen
        CROSS JOIN policy
    ) AS counted
),

-- Nobody asks for the traces of an attendee who came, nor for the facts of a meeting that all attendees came to.
untraced AS MATERIALIZED (
    SELECT judged.booking, judged.person, judged.name
    FROM judged
    LEFT JOIN person_presence AS presence ON presence.person = judged.person
    WHERE judged.is_host OR presence.person IS NULL OR NOT presence.has_come
),

untraced_handles AS (
    SELECT person_handles.booking, person_handles.person, person_handles.handle
    FROM person_handles
    INNER JOIN untraced ON untraced.person = person_handles.person
    UNION ALL
    SELECT booking, person, name AS handle FROM untraced WHERE name IS NOT NULL
),

booked_handles AS (
    SELECT booking, address AS handle FROM presences WHERE booking > 0 AND NOT is_bot
    UNION
    SELECT booking, phone AS handle FROM presences WHERE booking > 0 AND NOT is_bot
    UNION
    SELECT booking, name AS handle FROM presences WHERE booking > 0 AND NOT is_bot
),

traces AS MATERIALIZED (
    SELECT rows.person
    FROM person_rows AS rows
    INNER JOIN untraced ON untraced.person = rows.person
    WHERE NOT rows.is_bot
    UNION
    SELECT untraced.person
    FROM meeting_rows AS rows
    INNER JOIN untraced ON untraced.booking = rows.booking AND untraced.name = rows.name
    WHERE NOT rows.is_bot
    UNION
    SELECT untraced_handles.person
    FROM booked_handles
    INNER JOIN untraced_handles
        ON untraced_handles.booking = booked_handles.booking AND untraced_handles.handle = booked_handles.handle
),

open_rows AS (
    SELECT
        meeting_rows.*,
        greatest(meeting_rows.starts, meetings.start_at) AS core_starts,
        least(meeting_rows.ends, meetings.end_at) AS core_ends
    FROM meeting_rows
    INNER JOIN (SELECT DISTINCT booking FROM untraced) AS open_bookings ON open_bookings.booking = meeting_rows.booking
    INNER JOIN meetings ON meetings.booking = meeting_rows.booking
),

named_hosts AS (
    SELECT DISTINCT booking, bearer FROM bearers WHERE is_host
),

host_stints AS (
    SELECT rows.booking, rows.is_check_in, rows.core_starts, rows.core_ends
    FROM open_rows AS rows
    LEFT JOIN named_hosts ON named_hosts.booking = rows.booking AND named_hosts.bearer = rows.bearer
    WHERE rows.is_counted
        AND NOT rows.is_machine
        AND NOT rows.is_left_open
        AND (rows.is_of_host OR rows.is_internal OR named_hosts.bearer IS NOT NULL)
        AND rows.core_starts <= rows.core_ends
),

covered_host_stints AS (
    SELECT
        booking, is_check_in, core_starts, core_ends,
        max(core_ends) OVER (
            PARTITION BY booking ORDER BY core_starts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_to
    FROM host_stints
),

host_sides AS (
    SELECT
        booking,
        max(CASE WHEN is_check_in THEN 1 ELSE 0 END) AS has_check_in,
        CAST(sum(
            CASE
                WHEN covered_to IS NULL OR covered_to <= core_starts THEN core_ends - core_starts
                WHEN core_ends > covered_to THEN core_ends - covered_to
                ELSE 0
            END
        ) AS BIGINT) AS covered
    FROM covered_host_stints
    GROUP BY booking
),

-- Twice the seconds on both sides, so that half of a core is a whole number.
hosts_that_came AS (
    SELECT host_sides.booking
    FROM host_sides
    INNER JOIN meetings ON meetings.booking = host_sides.booking
    CROSS JOIN policy
    WHERE host_sides.has_check_in = 1
        OR 2 * host_sides.covered
            >= greatest(least(2 * policy.host_min_presence, meetings.end_at - meetings.start_at), 2 * policy.min_presence)
),

-- ---------------------------------------------------------------------------------------------------------------------
-- What rules 8, 9 and 11 and the hosts' rules ask of a booking's rows, and what the guard rails ask of all rows
-- ---------------------------------------------------------------------------------------------------------------------

meeting_facts AS MATERIALIZED (
    SELECT
        booking,
        max(
            CASE
                WHEN NOT is_counted OR is_machine OR is_left_open THEN 0
                WHEN core_ends > core_starts OR (is_check_in AND core_ends = core_starts) THEN 1
                ELSE 0
            END
        ) AS has_evidence,
        max(CASE WHEN whose = 6 THEN 1 ELSE 0 END) AS has_unknown,
        max(CASE WHEN is_internal AND NOT is_bot THEN 1 ELSE 0 END) AS has_internal
    FROM open_rows
    GROUP BY booking
),

matching AS (
    SELECT
        count(*) AS rows_of_meetings,
        sum(CASE WHEN whose = 5 THEN 0 ELSE 1 END) AS rows_of_people,
        sum(CASE WHEN whose >= 5 THEN 0 ELSE 1 END) AS matched_rows
    FROM meeting_rows
),

feed AS MATERIALIZED (
    SELECT
        latest.feed_rows,
        CASE
            WHEN policy.attendance_until IS NULL AND latest.parted > latest.joined THEN latest.parted
            WHEN policy.attendance_until IS NULL THEN coalesce(latest.joined, latest.parted)
            WHEN policy.attendance_until < policy.as_of THEN policy.attendance_until
            ELSE policy.as_of
        END AS complete_until
    FROM policy
    CROSS JOIN (
        SELECT
            count(*) AS feed_rows,
            max(CASE WHEN coalesce(joined_at, left_at) <= policy.as_of THEN coalesce(joined_at, left_at) END) AS joined,
            max(CASE WHEN kind <> 'check_in' AND left_at <= policy.as_of THEN left_at END) AS parted
        FROM attendance
        CROSS JOIN policy
    ) AS latest
),

-- ---------------------------------------------------------------------------------------------------------------------
-- 6. and 7. The decisions
-- ---------------------------------------------------------------------------------------------------------------------

-- Attendees without a usable address are told apart by whatever stands in its place.
odd_attendees AS (
    SELECT
        expected.booking, expected.person, coalesce(lower(trim(expected.email, policy.white_space)), '') AS odd_address
    FROM expected
    CROSS JOIN policy
    WHERE NOT expected.is_host AND expected.address IS NULL
),

duplicates AS (
    SELECT expected.person
    FROM expected
    INNER JOIN booking_addresses
        ON booking_addresses.booking = expected.booking AND booking_addresses.address = expected.address
    WHERE booking_addresses.attendees > 1 AND NOT expected.is_host
    UNION ALL
    SELECT odd_attendees.person
    FROM odd_attendees
    INNER JOIN (
        SELECT booking, odd_address FROM odd_attendees GROUP BY booking, odd_address HAVING count(*) > 1
    ) AS twins
        ON twins.booking = odd_attendees.booking AND twins.odd_address = odd_attendees.odd_address
),

internals AS (
    SELECT person FROM expected WHERE is_internal AND NOT is_host
    UNION
    SELECT guests.person
    FROM person_addresses AS guests
    INNER JOIN booking_addresses AS hosts ON hosts.booking = guests.booking AND hosts.address = guests.address
    WHERE hosts.is_host AND NOT guests.is_host
),

guests_that_came AS (
    SELECT DISTINCT judged.booking
    FROM judged
    CROSS JOIN policy
    INNER JOIN person_presence ON person_presence.person = judged.person
    LEFT JOIN internals ON internals.person = judged.person
    WHERE policy.judge_hosts AND NOT judged.is_host AND person_presence.has_come AND internals.person IS NULL
),

traced_hosts AS (
    SELECT DISTINCT judged.booking
    FROM judged
    INNER JOIN traces ON traces.person = judged.person
    WHERE judged.is_host
),

known_facts AS (
    SELECT
        judged.person,
        judged.booking,
        judged.is_host,
        internals.person IS NOT NULL AS is_internal,
        duplicates.person IS NOT NULL AS is_duplicate,
        person_presence.how,
        person_presence.presence,
        person_presence.first_joined,
        person_presence.last_left,
        coalesce(person_presence.has_come, FALSE) AS has_come,
        traces.person IS NOT NULL AS left_trace,
        feed.complete_until IS NOT NULL AND feed.complete_until >= meetings.window_end AS is_feed_complete,
        coalesce(meeting_facts.has_evidence, 0) = 1 AS has_evidence,
        coalesce(meeting_facts.has_unknown, 0) = 1 AS has_unknown,
        coalesce(meeting_facts.has_internal, 0) = 1 AS has_internal,
        hosts_that_came.booking IS NOT NULL AS host_came,
        traced_hosts.booking IS NOT NULL AS host_left_trace,
        guests_that_came.booking IS NOT NULL AS guest_came
    FROM judged
    INNER JOIN meetings ON meetings.booking = judged.booking
    CROSS JOIN feed
    LEFT JOIN internals ON internals.person = judged.person
    LEFT JOIN duplicates ON duplicates.person = judged.person
    LEFT JOIN person_presence ON person_presence.person = judged.person
    LEFT JOIN traces ON traces.person = judged.person
    LEFT JOIN meeting_facts ON meeting_facts.booking = judged.booking
    LEFT JOIN hosts_that_came ON hosts_that_came.booking = judged.booking
    LEFT JOIN traced_hosts ON traced_hosts.booking = judged.booking
    LEFT JOIN guests_that_came ON guests_that_came.booking = judged.booking
),

given_reasons AS (
    SELECT
        facts.person,
        facts.presence,
        facts.first_joined,
        facts.last_left,
        CASE
            WHEN facts.is_host THEN CASE
                WHEN facts.host_came THEN 'host_seen'
                WHEN facts.host_left_trace OR facts.has_internal THEN 'trace'
                WHEN NOT facts.is_feed_complete THEN 'feed_incomplete'
                WHEN NOT facts.has_evidence THEN 'no_evidence'
                WHEN facts.has_unknown THEN 'unknown_participant'
                WHEN facts.guest_came THEN 'not_seen'
                ELSE 'no_guest_seen'
            END
            WHEN facts.is_internal THEN 'internal'
            WHEN facts.is_duplicate THEN 'duplicate_email'
            WHEN facts.has_come THEN CASE facts.how WHEN 1 THEN 'email' WHEN 2 THEN 'phone' ELSE 'name' END
            WHEN policy.traces_are_doubt AND facts.left_trace THEN 'trace'
            WHEN NOT facts.is_feed_complete THEN 'feed_incomplete'
            WHEN NOT policy.assume_held AND NOT facts.has_evidence THEN 'no_evidence'
            WHEN NOT policy.assume_held AND policy.require_host_present AND NOT facts.host_came THEN 'host_not_seen'
            WHEN facts.has_unknown THEN 'unknown_participant'
            ELSE 'not_seen'
        END AS reason
    FROM known_facts AS facts
    CROSS JOIN policy
),

reasons AS MATERIALIZED (
    SELECT
        given_reasons.*,
        CASE
            WHEN reason = 'internal' THEN 'excluded'
            WHEN reason IN ('email', 'phone', 'name', 'host_seen') THEN 'present'
            WHEN reason = 'not_seen' THEN 'absent'
            ELSE 'undetermined'
        END AS outcome
    FROM given_reasons
),

asked_persons AS (
    SELECT persons.*
    FROM persons
    CROSS JOIN policy
    WHERE NOT persons.is_host OR policy.judge_hosts
),

outcome_counts AS (
    SELECT outcome, reason, count(*) AS persons FROM reasons GROUP BY outcome, reason
    UNION ALL
    SELECT 'excluded' AS outcome, excluded_as AS reason, count(*) AS persons
    FROM asked_persons
    WHERE excluded_as IS NOT NULL
    GROUP BY excluded_as
),

outcomes AS (
    SELECT
        persons.booking,
        CASE WHEN persons.is_host THEN 'host' ELSE 'attendee' END AS role,
        persons.email,
        coalesce(reasons.outcome, 'excluded') AS outcome,
        coalesce(reasons.reason, persons.excluded_as) AS reason,
        coalesce(reasons.presence, 0) AS presence,
        reasons.first_joined,
        reasons.last_left,
        persons.absent
    FROM asked_persons AS persons
    LEFT JOIN reasons ON reasons.person = persons.person
)

SELECT
    sifted_bookings.booking_uid,
    outcomes.role,
    outcomes.email,
    outcomes.outcome,
    outcomes.reason,
    outcomes.presence,
    outcomes.first_joined,
    outcomes.last_left,
    outcomes.absent AS currently_absent,
    sifted_bookings.start_at
FROM outcomes
INNER JOIN sifted_bookings ON sifted_bookings.booking = outcomes.booking
