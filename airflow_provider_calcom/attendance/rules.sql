-- Who was absent. One text decides it for ten rows and for ten million, on every engine.
--
-- It reads nine tables. bookings, people and attendance are the caller's: timestamps as microseconds since 1970
-- (UTC); uids, conference keys, statuses, roles, kinds, sources and participants without white space around them and
-- null for nothing, other strings unchanged; a number of its own in each row of bookings (booking) and of people
-- (person). policy is one row, its durations in microseconds; aliases, internal_domains, internal_emails, bot_names and
-- source_ends are the policy's lists, one entry a row.
-- All values are columns of these tables; none is ever written into this text.
--
-- It is DuckDB's SQL as far as sqlglot transpiles it without changing its meaning: no regular expressions, no arrays, no
-- interval arithmetic, no FILTER, no outer join without an equality, no null in greatest() or least(). AS MATERIALIZED
-- marks what is worth keeping as a table if the engine has such: it is used several times, or its size determines how the
-- next step is best joined.
--
-- policy.white_space has the characters that are trimmed; policy.mark is a character that no string contains.
-- is_plain(x) says that x has only a to z, digits, spaces and apostrophes; where an engine has no quick test it is FALSE,
-- which costs time and changes nothing.

WITH

-- ---------------------------------------------------------------------------------------------------------------------
-- Strings. Every spelling is normalized once and gets a number; all joins below are on numbers. Normalizing in each row
-- instead costs seconds for each column of ten million rows.
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

-- A look at both ends costs a fifth of what trim() does, which hardly any address needs.
lower_addresses AS (
    SELECT
        texts.spelling,
        lower(
            CASE
                WHEN strpos(policy.white_space, substr(texts.spelling, 1, 1)) > 0
                    OR strpos(policy.white_space, substr(texts.spelling, length(texts.spelling), 1)) > 0
                    THEN trim(texts.spelling, policy.white_space)
                ELSE texts.spelling
            END
        ) AS address
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

-- The last @ separates local part and domain. It is searched from the end only if there are several, because some
-- engines reverse a string by grapheme clusters, not by characters.
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
        own_domains.domain IS NOT NULL OR own_addresses.email_key IS NOT NULL AS is_internal,
        own_addresses.email_key IS NOT NULL AS is_listed
    FROM email_keys
    LEFT JOIN own_domains ON own_domains.domain = email_keys.domain
    LEFT JOIN own_addresses ON own_addresses.email_key = email_keys.email_key
),

-- Two numbers with one tail may be one telephone, spelled for callers at home and abroad.
phones AS MATERIALIZED (
    SELECT
        spelling,
        CASE WHEN length(digits) >= 7 THEN CAST(3 * dense_rank() OVER (ORDER BY digits) + 1 AS INTEGER) END AS phone,
        CASE WHEN length(digits) >= 7 THEN CAST(3 * dense_rank() OVER (ORDER BY tail_digits) + 1 AS INTEGER) END AS tail
    FROM (
        SELECT
            spelling,
            digits,
            CASE WHEN length(digits) > 8 THEN substr(digits, length(digits) - 7) ELSE digits END AS tail_digits
        FROM (
            SELECT spelling, translate(spelling, translate(spelling, '0123456789', ''), '') AS digits
            FROM (SELECT phone AS spelling FROM attendance UNION SELECT phone FROM people) AS texts
            WHERE strpos(spelling, '*') = 0
        ) AS dialled
    ) AS tailed
),

lower_names AS (
    SELECT texts.spelling, lower(texts.spelling) AS lower_name, policy.*
    FROM (
        SELECT name AS spelling FROM attendance
        UNION SELECT name FROM people
        UNION SELECT name FROM bot_names
    ) AS texts
    CROSS JOIN policy
    WHERE texts.spelling IS NOT NULL
),

-- Folding maps hundreds of characters, and each call of translate() first builds a map of its arguments, which is slow.
-- Most names have none of them, most others only letters of western Europe, and nearly all the rest some of a hundred.
latin_names AS (
    SELECT
        spelling, common_signs, folded_common_signs, all_signs, folded_signs, mark,
        CASE
            WHEN is_plain(lower_name) THEN lower_name
            ELSE translate(lower_name, latin_signs, folded_latin_signs)
        END AS latin_folded
    FROM lower_names
),

half_folded_names AS (
    SELECT
        spelling, all_signs, folded_signs, mark,
        CASE
            WHEN is_plain(latin_folded) THEN latin_folded
            ELSE translate(latin_folded, common_signs, folded_common_signs)
        END AS half_folded
    FROM latin_names
),

folded_names AS (
    SELECT
        spelling, mark,
        CASE WHEN is_plain(half_folded) THEN half_folded ELSE translate(half_folded, all_signs, folded_signs) END AS folded
    FROM half_folded_names
),

-- The 's of a possessive is dropped at a word's end; other apostrophes do not split their word.
joined_names AS (
    SELECT
        spelling, mark,
        CASE
            WHEN is_plain(folded) AND strpos(folded, '''') = 0 THEN folded
            ELSE translate(replace(folded || ' ', '''s ', ' '), '''‘´`', '')
        END AS joined
    FROM folded_names
),

-- Runs of spaces become one: add a mark after each space, drop every mark that a space follows, then drop the marks.
spaced_names AS (
    SELECT
        spelling,
        trim(
            CASE
                WHEN strpos(joined, '  ') > 0
                    THEN replace(replace(replace(joined, ' ', ' ' || mark), mark || ' ', ''), mark, '')
                ELSE joined
            END,
            ' '
        ) AS name_key
    FROM joined_names
),

spelled_names AS MATERIALIZED (
    SELECT
        spelling,
        name_key,
        CAST(3 * dense_rank() OVER (ORDER BY name_key) + 2 AS INTEGER) AS name,
        strpos(spelling, '+') > 0 OR strpos(spelling, '&') > 0 AS shows_sign
    FROM spaced_names
    WHERE name_key <> ''
),

counted_names AS (
    SELECT
        name,
        name_key,
        ' ' || name_key || ' ' AS padded_key,
        1 + length(name_key) - length(replace(name_key, ' ', '')) AS words
    FROM (SELECT DISTINCT name, name_key FROM spelled_names) AS keys
),

bot_keys AS (
    SELECT DISTINCT ' ' || spelled_names.name_key || ' ' AS padded_key
    FROM spelled_names
    INNER JOIN bot_names ON bot_names.name = spelled_names.spelling
),

names_of_bots AS (
    SELECT DISTINCT counted_names.name
    FROM counted_names
    CROSS JOIN bot_keys
    WHERE strpos(counted_names.padded_key, bot_keys.padded_key) > 0
),

-- What a row's name can be read as: its two words turned, and the two that a longer name begins or ends with.
-- A key has a space at both ends, so that it contains another key only as whole words.
name_keys AS MATERIALIZED (
    SELECT
        counted_names.name,
        counted_names.padded_key,
        counted_names.words,
        split_part(counted_names.name_key, ' ', 1) AS first_word,
        split_part(counted_names.name_key, ' ', CAST(counted_names.words AS INTEGER)) AS last_word,
        CASE
            WHEN counted_names.words = 2
                THEN split_part(counted_names.name_key, ' ', 2) || ' ' || split_part(counted_names.name_key, ' ', 1)
        END AS turned_key,
        CASE
            WHEN counted_names.words > 2 AND names_of_bots.name IS NULL
                THEN split_part(counted_names.name_key, ' ', 1) || ' ' || split_part(counted_names.name_key, ' ', 2)
        END AS first_two,
        CASE
            WHEN counted_names.words > 2 AND names_of_bots.name IS NULL
                THEN split_part(counted_names.name_key, ' ', CAST(counted_names.words - 1 AS INTEGER))
                    || ' ' || split_part(counted_names.name_key, ' ', CAST(counted_names.words AS INTEGER))
        END AS last_two,
        names_of_bots.name IS NOT NULL AS is_bot_name,
        strpos(counted_names.padded_key, ' and ') > 0
            OR strpos(counted_names.padded_key, ' und ') > 0
            OR strpos(counted_names.padded_key, ' et ') > 0
            OR strpos(counted_names.padded_key, ' with ') > 0
            OR strpos(counted_names.padded_key, ' mit ') > 0
            OR strpos(counted_names.padded_key, ' team ') > 0
            OR strpos(counted_names.padded_key, ' family ') > 0 AS shows_company
    FROM counted_names
    LEFT JOIN names_of_bots ON names_of_bots.name = counted_names.name
),

-- name_kind: 0 a person's, 1 one that shows company, 2 a bot's.
names AS MATERIALIZED (
    SELECT
        spelled_names.spelling,
        spelled_names.name,
        name_keys.words,
        CASE
            WHEN name_keys.is_bot_name THEN 2
            WHEN spelled_names.shows_sign OR name_keys.shows_company THEN 1
            ELSE 0
        END AS name_kind
    FROM spelled_names
    INNER JOIN name_keys ON name_keys.name = spelled_names.name
),

-- A row with a name counts for the reversed name, too, if both are somebody's in some booking.
turned_names AS MATERIALIZED (
    SELECT turning.name, turned.name AS other_name
    FROM name_keys AS turning
    INNER JOIN name_keys AS turned ON turned.padded_key = ' ' || turning.turned_key || ' '
    WHERE turning.turned_key IS NOT NULL AND turned.name <> turning.name
),

borne_names AS MATERIALIZED (
    SELECT name, other_name FROM turned_names
    UNION
    SELECT longer.name, part.name AS other_name
    FROM name_keys AS longer
    INNER JOIN name_keys AS part ON part.padded_key = ' ' || longer.first_two || ' '
    WHERE longer.first_two IS NOT NULL
    UNION
    SELECT longer.name, part.name AS other_name
    FROM name_keys AS longer
    INNER JOIN name_keys AS part ON part.padded_key = ' ' || longer.last_two || ' '
    WHERE longer.last_two IS NOT NULL
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
    SELECT
        booking, booking_uid, conference, start_at, end_at, window_start, window_end,
        CAST(window_start // 86400000000 AS INTEGER) AS first_day
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
        phones.tail,
        names.name,
        coalesce(names.words, 0) AS words,
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

-- The tail of a number finds a person, which is a trace only; the row is theirs if it has the complete number.
person_handles AS MATERIALIZED (
    SELECT booking, person, address AS handle, CAST(NULL AS INTEGER) AS phone FROM person_addresses
    UNION ALL
    SELECT booking, person, tail, phone FROM expected WHERE tail IS NOT NULL
),

-- Internal addresses that are not a guest's: those of a host of any booking, and those that the policy lists.
known_internals AS MATERIALIZED (
    SELECT address FROM addresses WHERE is_listed
    UNION
    SELECT address FROM persons WHERE is_host AND address IS NOT NULL
    UNION
    SELECT match_address FROM persons WHERE is_host AND match_address IS NOT NULL
),

booking_addresses AS MATERIALIZED (
    SELECT booking, address, max(CASE WHEN is_host THEN 1 ELSE 0 END) = 1 AS is_host, sum(attendees) AS attendees
    FROM person_addresses
    GROUP BY booking, address
),

booking_phones AS MATERIALIZED (
    SELECT DISTINCT booking, phone FROM expected WHERE phone IS NOT NULL
),

-- Unambiguous names: everyone of the booking has a name, this one is one person's only, and reversed nobody else's. Rows
-- of people with one address are one person, the bearer, and a name of one of them finds all of them.
bearers AS MATERIALIZED (
    SELECT booking, person, is_host, name, words, coalesce(match_address, -person) AS bearer FROM expected
),

nameless_bookings AS (
    SELECT DISTINCT booking FROM expected WHERE name IS NULL
),

names_of_one AS MATERIALIZED (
    SELECT booking, name, min(bearer) AS bearer, min(bearer) = max(bearer) AS is_of_one
    FROM bearers
    WHERE words > 1
    GROUP BY booking, name
),

names_turned_by_others AS (
    SELECT names_of_one.booking, names_of_one.name
    FROM names_of_one
    INNER JOIN turned_names ON turned_names.name = names_of_one.name
    INNER JOIN names_of_one AS others
        ON others.booking = names_of_one.booking AND others.name = turned_names.other_name
    WHERE NOT others.is_of_one OR others.bearer <> names_of_one.bearer
),

unambiguous_names AS MATERIALIZED (
    SELECT names_of_one.booking, names_of_one.name, names_of_one.bearer
    FROM names_of_one
    LEFT JOIN nameless_bookings ON nameless_bookings.booking = names_of_one.booking
    LEFT JOIN names_turned_by_others AS turned
        ON turned.booking = names_of_one.booking AND turned.name = names_of_one.name
    WHERE names_of_one.is_of_one AND nameless_bookings.booking IS NULL AND turned.booking IS NULL
),

-- An unambiguous name and its reversed form find the same person: reversed it is nobody else's. If both forms are
-- unambiguous, both are in the table already; a UNION would compare all names with each other to find that out.
findable_names AS MATERIALIZED (
    SELECT booking, name, bearer FROM unambiguous_names
    UNION ALL
    SELECT unambiguous_names.booking, turned_names.other_name AS name, unambiguous_names.bearer
    FROM unambiguous_names
    INNER JOIN turned_names ON turned_names.name = unambiguous_names.name
    LEFT JOIN unambiguous_names AS both_forms
        ON both_forms.booking = unambiguous_names.booking AND both_forms.name = turned_names.other_name
    WHERE both_forms.booking IS NULL
),

-- The ways in which a row is somebody's: how is 1 by e-mail, 2 by phone, 3 by name, and owner the number of the address,
-- of the phone, or of the bearer of the name.
owners AS (
    SELECT booking, person, is_host, 1 AS how, address AS owner FROM person_addresses
    UNION ALL
    SELECT booking, person, is_host, 2 AS how, phone FROM expected WHERE phone IS NOT NULL
    UNION ALL
    SELECT booking, person, is_host, 3 AS how, bearer FROM bearers
),

-- ---------------------------------------------------------------------------------------------------------------------
-- The rows of a booking (headings as in docs/explanation/rules.md)
-- ---------------------------------------------------------------------------------------------------------------------

-- The number 0 represents a booking or a conference that is in the feed and not in these bookings.
row_bookings AS (
    SELECT texts.booking_uid, coalesce(bookings.booking, 0) AS booking
    FROM (SELECT DISTINCT booking_uid FROM attendance WHERE booking_uid IS NOT NULL) AS texts
    LEFT JOIN bookings ON bookings.booking_uid = texts.booking_uid
),

-- Rows without a source are one source of their own.
reported_sources AS (
    SELECT
        coalesce(attendance.source, '') AS source,
        count(*) AS feed_rows,
        max(
            CASE
                WHEN coalesce(attendance.joined_at, attendance.left_at) <= policy.as_of
                    THEN coalesce(attendance.joined_at, attendance.left_at)
            END
        ) AS joined,
        max(
            CASE WHEN attendance.kind <> 'check_in' AND attendance.left_at <= policy.as_of THEN attendance.left_at END
        ) AS parted
    FROM attendance
    CROSS JOIN policy
    WHERE attendance.joined_at IS NOT NULL OR attendance.left_at IS NOT NULL
    GROUP BY coalesce(attendance.source, '')
),

-- Up to where each source is complete: the policy's end of it, or else the latest timestamp of its rows.
sources AS MATERIALIZED (
    SELECT
        CAST(row_number() OVER (ORDER BY known.source) AS INTEGER) AS source_number,
        known.source,
        coalesce(reported.feed_rows, 0) AS feed_rows,
        named.source IS NOT NULL AS is_named,
        CASE
            WHEN named.source IS NOT NULL THEN named.complete_until
            WHEN reported.parted IS NOT NULL AND reported.parted > reported.joined THEN reported.parted
            ELSE coalesce(reported.joined, reported.parted)
        END AS source_end
    FROM (
        SELECT source FROM reported_sources
        UNION
        SELECT source FROM source_ends
    ) AS known
    LEFT JOIN reported_sources AS reported ON reported.source = known.source
    LEFT JOIN source_ends AS named ON named.source = known.source
),

-- The vendor's own id of who joined, if several rows have it: it identifies nobody otherwise. Such rows share their
-- address, if they have only one. Bots' rows are left out of this.
participant_addresses AS (
    SELECT
        source, participant, email, count(*) AS participant_rows, min(coalesce(joined_at, left_at)) AS first_start
    FROM attendance
    WHERE source IS NOT NULL
        AND participant IS NOT NULL
        AND kind <> 'bot'
        AND (joined_at IS NOT NULL OR left_at IS NOT NULL)
    GROUP BY source, participant, email
),

participants AS MATERIALIZED (
    SELECT
        known.source,
        known.participant,
        CAST(row_number() OVER (ORDER BY known.first_start) AS INTEGER) AS participant_number,
        CASE WHEN known.lowest = known.highest THEN known.lowest END AS address,
        known.lowest = known.highest AND known.is_internal = 1 AS is_internal
    FROM (
        SELECT
            spelled.source,
            spelled.participant,
            min(spelled.first_start) AS first_start,
            min(addresses.address) AS lowest,
            max(addresses.address) AS highest,
            max(CASE WHEN addresses.is_internal THEN 1 ELSE 0 END) AS is_internal
        FROM participant_addresses AS spelled
        LEFT JOIN addresses ON addresses.spelling = spelled.email
        GROUP BY spelled.source, spelled.participant
        HAVING sum(spelled.participant_rows) > 1
    ) AS known
),

-- Marks of rows are numbers here and below: writing ten million booleans takes four times as long. row_kind: 0 a
-- bot's, 1 in a lobby or one that contradicts itself, 2 a stay, 3 a stay whose end is not reported, 4 a check-in.
presences AS MATERIALIZED (
    SELECT
        CASE
            WHEN timed.is_bot THEN 0
            WHEN timed.kind = 'check_in' THEN 4
            WHEN timed.kind <> 'person' OR timed.is_inverted THEN 1
            WHEN timed.left_at IS NULL THEN 3
            ELSE 2
        END AS row_kind,
        row_bookings.booking,
        CASE WHEN timed.conference_key IS NOT NULL THEN coalesce(conferences.conference, 0) END AS conference,
        sources.source_number,
        CASE WHEN NOT timed.is_bot THEN participants.participant_number END AS participant,
        CASE
            WHEN addresses.address IS NOT NULL OR timed.is_bot THEN addresses.address
            ELSE participants.address
        END AS address,
        phones.phone,
        phones.tail,
        names.name,
        CASE
            WHEN addresses.is_internal THEN 1
            WHEN addresses.address IS NULL AND NOT timed.is_bot AND participants.is_internal THEN 1
            ELSE 0
        END AS is_internal,
        coalesce(names.name_kind, 0) AS name_kind,
        timed.starts,
        timed.ends,
        CAST(timed.starts // 86400000000 AS INTEGER) AS first_day
    FROM (
        SELECT
            raw.source, raw.participant, raw.kind, raw.booking_uid, raw.conference_key,
            raw.email, raw.phone, raw.name, raw.left_at, raw.is_inverted,
            raw.kind = 'bot' AS is_bot,
            CASE WHEN raw.is_inverted THEN raw.left_at ELSE raw.starts END AS starts,
            -- A row that ends before it begins contradicts itself; it lasts from the one to the other.
            CASE
                WHEN raw.kind = 'check_in' OR raw.is_inverted THEN raw.starts
                WHEN raw.left_at IS NULL
                    THEN greatest(raw.starts, least(policy.as_of, raw.starts + policy.open_limit))
                ELSE greatest(raw.starts, raw.left_at)
            END AS ends
        FROM (
            SELECT
                source, participant, kind, booking_uid, conference_key, email, phone, name, left_at,
                coalesce(joined_at, left_at) AS starts,
                coalesce(kind <> 'check_in' AND left_at < joined_at, FALSE) AS is_inverted
            FROM attendance
            WHERE joined_at IS NOT NULL OR left_at IS NOT NULL
        ) AS raw
        CROSS JOIN policy
    ) AS timed
    LEFT JOIN row_bookings ON row_bookings.booking_uid = timed.booking_uid
    LEFT JOIN conferences ON conferences.conference_key = timed.conference_key
    LEFT JOIN sources ON sources.source = coalesce(timed.source, '')
    LEFT JOIN participants ON participants.source = timed.source AND participants.participant = timed.participant
    LEFT JOIN addresses ON addresses.spelling = timed.email
    LEFT JOIN phones ON phones.spelling = timed.phone
    LEFT JOIN names ON names.spelling = timed.name
),

-- If a row and a window touch, both include the day of the later of their two starts. So windows are listed under each
-- of their days, and rows under their first day and under each later day (these are few) on which some window starts.
-- A join by time alone would compare each row of a busy room or person with each of its bookings.
row_days AS (
    SELECT DISTINCT first_day AS day FROM presences
),

opening_days AS (
    SELECT DISTINCT first_day AS day FROM meetings
),

daily_meetings AS MATERIALIZED (
    SELECT meetings.*, meetings.first_day AS day
    FROM meetings
    UNION ALL
    SELECT meetings.*, row_days.day
    FROM meetings
    INNER JOIN row_days
        ON row_days.day > meetings.first_day AND row_days.day <= meetings.window_end // 86400000000
),

later_presences AS MATERIALIZED (
    SELECT presences.*, opening_days.day
    FROM presences
    INNER JOIN opening_days
        ON opening_days.day > presences.first_day AND opening_days.day <= presences.ends // 86400000000
    WHERE presences.ends // 86400000000 > presences.first_day
),

daily_presences AS (
    SELECT presences.*, presences.first_day AS day FROM presences
    UNION ALL
    SELECT later_presences.* FROM later_presences
),

rows_by_conference AS (
    SELECT
        meetings.booking,
        rows.row_kind, rows.is_internal, rows.name_kind, rows.source_number, rows.participant,
        rows.address, rows.phone, rows.name, rows.starts, rows.ends
    FROM daily_presences AS rows
    INNER JOIN daily_meetings AS meetings
        ON meetings.conference = rows.conference AND meetings.day = rows.day
    WHERE rows.booking IS NULL
        AND rows.starts <= meetings.window_end
        AND rows.ends >= meetings.window_start
        AND rows.day = greatest(rows.first_day, meetings.first_day)
),

rows_by_booking_uid AS (
    SELECT
        meetings.booking,
        rows.row_kind, rows.is_internal, rows.name_kind, rows.source_number, rows.participant,
        rows.address, rows.phone, rows.name, rows.starts, rows.ends
    FROM presences AS rows
    INNER JOIN meetings ON meetings.booking = rows.booking
    WHERE rows.starts <= meetings.window_end AND rows.ends >= meetings.window_start
),

-- ---------------------------------------------------------------------------------------------------------------------
-- The person of a row
-- ---------------------------------------------------------------------------------------------------------------------

-- A row that is somebody's by address or phone is not looked up by name.
known_rows AS (
    SELECT
        found.*,
        by_email.booking IS NOT NULL AS is_by_email,
        by_phone.booking IS NOT NULL AS is_by_phone,
        CASE
            WHEN by_email.booking IS NULL AND by_phone.booking IS NULL AND found.row_kind > 0 AND found.name_kind < 2
                THEN found.name
        END AS sought_name
    FROM (SELECT * FROM rows_by_conference UNION ALL SELECT * FROM rows_by_booking_uid) AS found
    LEFT JOIN booking_addresses AS by_email ON by_email.booking = found.booking AND by_email.address = found.address
    LEFT JOIN booking_phones AS by_phone ON by_phone.booking = found.booking AND by_phone.phone = found.phone
),

-- whose: 1 somebody's by e-mail, 2 by phone, 3 by name, 4 an internal participant's, 5 a bot's, 6 an unknown
-- participant's. Some of 4 and 6 turn out to be somebody's below: few, so that they are not written down here again.
meeting_rows AS MATERIALIZED (
    SELECT
        booking, name, address, participant, source_number,
        row_kind, is_internal, name_kind, whose,
        CASE whose WHEN 1 THEN address WHEN 2 THEN phone WHEN 3 THEN bearer END AS owner,
        starts, ends
    FROM (
        SELECT
            known.*,
            CASE
                WHEN known.row_kind = 0 THEN 5
                WHEN known.is_by_email THEN 1
                WHEN known.is_by_phone THEN 2
                WHEN by_name.bearer IS NOT NULL THEN 3
                WHEN known.is_internal = 1 THEN 4
                WHEN known.name_kind = 2 THEN 5
                ELSE 6
            END AS whose,
            by_name.bearer
        FROM known_rows AS known
        LEFT JOIN findable_names AS by_name ON by_name.booking = known.booking AND by_name.name = known.sought_name
    ) AS judged_rows
),

-- Names that contain unambiguous ones, as in "Ann Archer (Acme)" or "Ann Archer & Bob Barker". One that contains a
-- host's name finds nobody.
holding_names AS MATERIALIZED (
    SELECT long_names.booking, long_names.name, unambiguous_names.bearer
    FROM (
        SELECT DISTINCT booking, name
        FROM meeting_rows
        WHERE name_kind < 2 AND whose IN (4, 6)
    ) AS long_names
    INNER JOIN unambiguous_names ON unambiguous_names.booking = long_names.booking
    INNER JOIN name_keys AS holding ON holding.name = long_names.name
    INNER JOIN name_keys AS held ON held.name = unambiguous_names.name
    WHERE holding.words > 2 AND strpos(holding.padded_key, held.padded_key) > 0
),

named_hosts AS (
    SELECT DISTINCT booking, bearer FROM bearers WHERE is_host
),

held_names AS MATERIALIZED (
    SELECT DISTINCT holding_names.booking, holding_names.name, holding_names.bearer
    FROM holding_names
    LEFT JOIN (
        SELECT DISTINCT holding_names.booking, holding_names.name
        FROM holding_names
        INNER JOIN named_hosts
            ON named_hosts.booking = holding_names.booking AND named_hosts.bearer = holding_names.bearer
    ) AS of_hosts
        ON of_hosts.booking = holding_names.booking AND of_hosts.name = holding_names.name
    WHERE of_hosts.booking IS NULL
),

-- Rows of a participant who is known by another row of the meeting.
borrowers AS (
    SELECT DISTINCT rows.booking, rows.participant
    FROM meeting_rows AS rows
    LEFT JOIN (SELECT DISTINCT booking, name FROM held_names) AS held
        ON held.booking = rows.booking AND held.name = rows.name
    WHERE rows.whose = 6 AND rows.participant IS NOT NULL AND held.booking IS NULL
),

lending_rows AS (
    SELECT rows.booking, rows.participant, rows.whose AS how, rows.owner
    FROM meeting_rows AS rows
    WHERE rows.whose <= 3 AND rows.participant IS NOT NULL
    UNION ALL
    SELECT rows.booking, rows.participant, 3 AS how, held_names.bearer AS owner
    FROM meeting_rows AS rows
    INNER JOIN held_names ON held_names.booking = rows.booking AND held_names.name = rows.name
    WHERE rows.whose IN (4, 6)
),

lenders AS MATERIALIZED (
    SELECT lending_rows.booking, lending_rows.participant, lending_rows.how, lending_rows.owner
    FROM lending_rows
    INNER JOIN borrowers
        ON borrowers.booking = lending_rows.booking AND borrowers.participant = lending_rows.participant
),

lent_owners AS MATERIALIZED (
    SELECT DISTINCT lenders.booking, lenders.participant, lenders.how, lenders.owner
    FROM lenders
    INNER JOIN (SELECT booking, participant, min(how) AS how FROM lenders GROUP BY booking, participant) AS first_ways
        ON first_ways.booking = lenders.booking
        AND first_ways.participant = lenders.participant
        AND first_ways.how = lenders.how
),

-- ---------------------------------------------------------------------------------------------------------------------
-- Presence
-- ---------------------------------------------------------------------------------------------------------------------

-- Hosts' own presence is computed only if they are judged: nothing else needs it.
judged AS (
    SELECT expected.*
    FROM expected
    CROSS JOIN policy
    WHERE NOT expected.is_host OR policy.judge_hosts
),

daily_persons AS MATERIALIZED (
    SELECT
        person_handles.person, person_handles.handle, person_handles.phone,
        meetings.booking, meetings.conference, meetings.window_start, meetings.window_end, meetings.first_day, meetings.day
    FROM person_handles
    INNER JOIN judged ON judged.person = person_handles.person
    INNER JOIN daily_meetings AS meetings ON meetings.booking = person_handles.booking
),

-- The first days of rows are computed here again: daily_presences, used twice, would be in memory twice.
presence_handles AS (
    SELECT presences.*, presences.first_day AS day, presences.address AS handle, 1 AS how
    FROM presences
    WHERE presences.address IS NOT NULL
    UNION ALL
    SELECT presences.*, presences.first_day AS day, presences.tail AS handle, 2 AS how
    FROM presences
    WHERE presences.tail IS NOT NULL
    UNION ALL
    SELECT later_presences.*, later_presences.address AS handle, 1 AS how
    FROM later_presences
    WHERE later_presences.address IS NOT NULL
    UNION ALL
    SELECT later_presences.*, later_presences.tail AS handle, 2 AS how
    FROM later_presences
    WHERE later_presences.tail IS NOT NULL
),

-- Every row in the window that has a person's address or the tail of their number, of whatever meeting. Those of the
-- meeting and of none count for presence, if the complete number is the same; all of them are traces.
person_rows AS MATERIALIZED (
    SELECT
        persons.person,
        persons.booking,
        rows.how,
        rows.address,
        rows.row_kind,
        rows.row_kind > 1
            AND (rows.how = 1 OR coalesce(rows.phone = persons.phone, FALSE))
            AND CASE
                WHEN rows.booking IS NOT NULL THEN rows.booking = persons.booking
                ELSE rows.conference IS NULL OR persons.conference IS NULL OR rows.conference = persons.conference
            END AS is_counted,
        greatest(rows.starts, persons.window_start) AS starts,
        least(rows.ends, persons.window_end) AS ends
    FROM presence_handles AS rows
    INNER JOIN daily_persons AS persons ON persons.handle = rows.handle AND persons.day = rows.day
    WHERE rows.starts <= persons.window_end
        AND rows.ends >= persons.window_start
        AND rows.day = greatest(rows.first_day, persons.first_day)
),

-- Rows of the meeting that are somebody's by name, or by another row of their participant.
named_rows AS (
    SELECT rows.booking, 3 AS how, rows.owner, rows.row_kind, rows.starts, rows.ends
    FROM meeting_rows AS rows
    WHERE rows.row_kind > 1 AND rows.whose = 3
    UNION ALL
    SELECT rows.booking, 3 AS how, held_names.bearer AS owner, rows.row_kind, rows.starts, rows.ends
    FROM meeting_rows AS rows
    INNER JOIN held_names ON held_names.booking = rows.booking AND held_names.name = rows.name
    WHERE rows.row_kind > 1 AND rows.whose IN (4, 6)
    UNION ALL
    SELECT rows.booking, lent_owners.how, lent_owners.owner, rows.row_kind, rows.starts, rows.ends
    FROM meeting_rows AS rows
    INNER JOIN lent_owners ON lent_owners.booking = rows.booking AND lent_owners.participant = rows.participant
    LEFT JOIN (SELECT DISTINCT booking, name FROM held_names) AS held
        ON held.booking = rows.booking AND held.name = rows.name
    WHERE rows.row_kind > 1 AND rows.whose = 6 AND held.booking IS NULL
),

stints AS (
    SELECT person, how, row_kind, starts, ends
    FROM person_rows
    WHERE is_counted AND how = 1
    UNION ALL
    SELECT rows.person, rows.how, rows.row_kind, rows.starts, rows.ends
    FROM person_rows AS rows
    LEFT JOIN booking_addresses AS by_email ON by_email.booking = rows.booking AND by_email.address = rows.address
    WHERE rows.is_counted AND rows.how = 2 AND by_email.booking IS NULL
    UNION ALL
    SELECT
        owners.person,
        rows.how,
        rows.row_kind,
        greatest(rows.starts, meetings.window_start) AS starts,
        least(rows.ends, meetings.window_end) AS ends
    FROM named_rows AS rows
    INNER JOIN owners ON owners.booking = rows.booking AND owners.how = rows.how AND owners.owner = rows.owner
    INNER JOIN meetings ON meetings.booking = rows.booking
    CROSS JOIN policy
    WHERE policy.judge_hosts OR NOT owners.is_host
),

covered_stints AS (
    SELECT
        person, how, row_kind, starts, ends,
        max(ends) OVER (
            PARTITION BY person ORDER BY starts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_to
    FROM stints
),

seen AS (
    SELECT
        person,
        min(how) AS how,
        max(CASE WHEN row_kind = 4 THEN 1 ELSE 0 END) AS has_check_in,
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

-- The traces of an attendee who came are not needed, nor are the facts of a meeting to which all attendees came.
untraced AS MATERIALIZED (
    SELECT judged.booking, judged.person, judged.is_host, judged.name
    FROM judged
    LEFT JOIN person_presence AS presence ON presence.person = judged.person
    WHERE judged.is_host OR presence.person IS NULL OR NOT presence.has_come
),

-- The rows of meetings to which not everybody came, with all owners: a row of several people is here once for each.
open_rows AS MATERIALIZED (
    SELECT
        rows.booking, rows.name, rows.address, rows.participant, rows.source_number,
        rows.row_kind, rows.is_internal, rows.name_kind, rows.starts, rows.ends,
        rows.row_kind = 3 AND rows.starts < meetings.window_start AS is_left_open,
        greatest(rows.starts, meetings.start_at) AS core_starts,
        least(rows.ends, meetings.end_at) AS core_ends,
        lent_owners.how IS NOT NULL AS is_lent,
        coalesce(rows.known_as, lent_owners.how, rows.whose) AS whose,
        coalesce(rows.bearer, lent_owners.owner, rows.owner) AS owner,
        rows.owner AS first_owner
    FROM (
        SELECT
            late.*,
            held_names.bearer,
            CASE WHEN held_names.bearer IS NOT NULL THEN 3 END AS known_as,
            CASE WHEN late.whose = 6 AND held_names.bearer IS NULL THEN late.participant END AS borrower
        FROM (
            SELECT
                meeting_rows.*,
                CASE WHEN whose IN (4, 6) THEN meeting_rows.name END AS long_name
            FROM meeting_rows
            INNER JOIN (SELECT DISTINCT booking FROM untraced) AS open_bookings
                ON open_bookings.booking = meeting_rows.booking
        ) AS late
        LEFT JOIN held_names ON held_names.booking = late.booking AND held_names.name = late.long_name
    ) AS rows
    LEFT JOIN lent_owners ON lent_owners.booking = rows.booking AND lent_owners.participant = rows.borrower
    INNER JOIN meetings ON meetings.booking = rows.booking
),

-- A trace by name: the row has the name itself, reversed, or within a longer one.
untraced_names AS MATERIALIZED (
    SELECT booking, person, name FROM untraced WHERE name IS NOT NULL
    UNION
    SELECT untraced.booking, untraced.person, borne_names.name
    FROM untraced
    INNER JOIN borne_names ON borne_names.other_name = untraced.name
),

untraced_handles AS (
    SELECT person_handles.booking, person_handles.person, person_handles.handle
    FROM person_handles
    INNER JOIN untraced ON untraced.person = person_handles.person
    UNION ALL
    SELECT booking, person, name AS handle FROM untraced_names
),

booked_handles AS (
    SELECT booking, address AS handle FROM presences WHERE booking > 0 AND row_kind > 0
    UNION
    SELECT booking, tail AS handle FROM presences WHERE booking > 0 AND row_kind > 0
    UNION
    SELECT booking, name AS handle FROM presences WHERE booking > 0 AND row_kind > 0
),

traces AS MATERIALIZED (
    SELECT rows.person
    FROM person_rows AS rows
    INNER JOIN untraced ON untraced.person = rows.person
    WHERE rows.row_kind > 0
    UNION
    SELECT untraced_names.person
    FROM open_rows AS rows
    INNER JOIN untraced_names ON untraced_names.booking = rows.booking AND untraced_names.name = rows.name
    WHERE rows.row_kind > 0
    UNION
    SELECT owners.person
    FROM open_rows AS rows
    INNER JOIN owners ON owners.booking = rows.booking AND owners.how = rows.whose AND owners.owner = rows.owner
    WHERE rows.row_kind > 0 AND (rows.whose = 3 OR rows.is_lent)
    UNION
    SELECT untraced_handles.person
    FROM booked_handles
    INNER JOIN untraced_handles
        ON untraced_handles.booking = booked_handles.booking AND untraced_handles.handle = booked_handles.handle
),

-- The host side: rows of hosts, and of internal participants but those that are an attendee's by name or by another row
-- of theirs.
host_owners AS (
    SELECT DISTINCT booking, how, owner FROM owners WHERE is_host
),

host_stints AS (
    SELECT rows.booking, rows.row_kind, rows.core_starts, rows.core_ends
    FROM open_rows AS rows
    LEFT JOIN host_owners
        ON host_owners.booking = rows.booking AND host_owners.how = rows.whose AND host_owners.owner = rows.owner
    WHERE rows.row_kind > 1
        AND rows.name_kind < 2
        AND NOT rows.is_left_open
        AND (host_owners.booking IS NOT NULL OR (rows.is_internal = 1 AND rows.whose <> 3 AND NOT rows.is_lent))
        AND rows.core_starts <= rows.core_ends
),

covered_host_stints AS (
    SELECT
        booking, row_kind, core_starts, core_ends,
        max(core_ends) OVER (
            PARTITION BY booking ORDER BY core_starts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_to
    FROM host_stints
),

host_sides AS (
    SELECT
        booking,
        max(CASE WHEN row_kind = 4 THEN 1 ELSE 0 END) AS has_check_in,
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

-- Twice the durations on both sides, so that half of a core is an integer.
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
-- What rules 8 and 9 and the hosts' rules need of a booking's rows, and what the guard rails need of all rows
-- ---------------------------------------------------------------------------------------------------------------------

meeting_facts AS MATERIALIZED (
    SELECT
        rows.booking,
        max(
            CASE
                WHEN rows.row_kind < 2 OR rows.name_kind = 2 OR rows.is_left_open THEN 0
                WHEN rows.core_ends > rows.core_starts OR (rows.row_kind = 4 AND rows.core_ends = rows.core_starts) THEN 1
                ELSE 0
            END
        ) AS has_evidence,
        max(CASE WHEN rows.is_internal = 1 AND rows.row_kind > 0 THEN 1 ELSE 0 END) AS has_internal,
        min(sources.source_end) AS source_end,
        max(CASE WHEN sources.source_end IS NULL THEN 1 ELSE 0 END) AS has_endless_source
    FROM open_rows AS rows
    INNER JOIN sources ON sources.source_number = rows.source_number
    GROUP BY rows.booking
),

-- Rows that are somebody's by a longer name or by their participant count as matched, too.
late_matches AS (
    SELECT count(*) AS matched_rows
    FROM meeting_rows AS rows
    LEFT JOIN (SELECT DISTINCT booking, name FROM held_names) AS held
        ON held.booking = rows.booking AND held.name = rows.name
    LEFT JOIN (SELECT DISTINCT booking, participant FROM lent_owners) AS lent
        ON lent.booking = rows.booking AND lent.participant = rows.participant
    WHERE rows.whose = 6 AND (held.booking IS NOT NULL OR lent.booking IS NOT NULL)
),

matching AS (
    SELECT
        count(*) AS rows_of_meetings,
        sum(CASE WHEN rows.whose = 5 THEN 0 ELSE 1 END) AS rows_of_people,
        sum(CASE WHEN rows.whose >= 5 THEN 0 ELSE 1 END) + max(late_matches.matched_rows) AS matched_rows
    FROM meeting_rows AS rows
    CROSS JOIN late_matches
),

-- Up to where the feed is complete for a booking without rows of its own, and up to where the sources are that the
-- policy names, which count for every booking.
feed AS MATERIALIZED (
    SELECT
        ends.feed_rows,
        CASE
            WHEN policy.attendance_until IS NOT NULL THEN least(policy.attendance_until, policy.as_of)
            WHEN ends.endless_sources = 0 AND ends.source_end IS NOT NULL THEN least(ends.source_end, policy.as_of)
        END AS complete_until,
        ends.named_end
    FROM policy
    CROSS JOIN (
        SELECT
            coalesce(sum(feed_rows), 0) AS feed_rows,
            min(source_end) AS source_end,
            coalesce(sum(CASE WHEN source_end IS NULL THEN 1 ELSE 0 END), 0) AS endless_sources,
            min(CASE WHEN is_named THEN source_end END) AS named_end
        FROM sources
    ) AS ends
),

-- ---------------------------------------------------------------------------------------------------------------------
-- The decisions: attendees and hosts
-- ---------------------------------------------------------------------------------------------------------------------

-- Attendees without a usable address are identified by the string that they have instead.
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
        CASE
            WHEN policy.attendance_until IS NOT NULL OR meeting_facts.booking IS NULL THEN feed.complete_until
            WHEN meeting_facts.has_endless_source = 1 THEN NULL
            WHEN feed.named_end IS NULL THEN least(meeting_facts.source_end, policy.as_of)
            ELSE least(meeting_facts.source_end, feed.named_end, policy.as_of)
        END AS complete_until,
        meetings.end_at + greatest(policy.overrun, policy.settle) AS needed_until,
        coalesce(meeting_facts.has_evidence, 0) = 1 AS has_evidence,
        coalesce(meeting_facts.has_internal, 0) = 1 AS has_internal,
        hosts_that_came.booking IS NOT NULL AS host_came,
        traced_hosts.booking IS NOT NULL AS host_left_trace,
        guests_that_came.booking IS NOT NULL AS guest_came
    FROM judged
    INNER JOIN meetings ON meetings.booking = judged.booking
    CROSS JOIN feed
    CROSS JOIN policy
    LEFT JOIN internals ON internals.person = judged.person
    LEFT JOIN duplicates ON duplicates.person = judged.person
    LEFT JOIN person_presence ON person_presence.person = judged.person
    LEFT JOIN traces ON traces.person = judged.person
    LEFT JOIN meeting_facts ON meeting_facts.booking = judged.booking
    LEFT JOIN hosts_that_came ON hosts_that_came.booking = judged.booking
    LEFT JOIN traced_hosts ON traced_hosts.booking = judged.booking
    LEFT JOIN guests_that_came ON guests_that_came.booking = judged.booking
),

-- Rules 4 to 10, and the hosts' up to rule 9. Null for the few people who are absent unless one of
-- rules 11 to 14 applies; the steps of those are computed for these people alone.
early_reasons AS MATERIALIZED (
    SELECT
        facts.person,
        facts.booking,
        facts.is_host,
        facts.guest_came,
        facts.presence,
        facts.first_joined,
        facts.last_left,
        CASE
            WHEN facts.is_host THEN CASE
                WHEN facts.host_came THEN 'host_seen'
                WHEN facts.host_left_trace OR facts.has_internal THEN 'trace'
                WHEN facts.complete_until IS NULL OR facts.complete_until < facts.needed_until THEN 'feed_incomplete'
                WHEN NOT facts.has_evidence THEN 'no_evidence'
            END
            WHEN facts.is_internal THEN 'internal'
            WHEN facts.is_duplicate THEN 'duplicate_email'
            WHEN facts.has_come THEN CASE facts.how WHEN 1 THEN 'email' WHEN 2 THEN 'phone' ELSE 'name' END
            WHEN policy.traces_are_doubt AND facts.left_trace THEN 'trace'
            WHEN facts.complete_until IS NULL OR facts.complete_until < facts.needed_until THEN 'feed_incomplete'
            WHEN NOT policy.assume_held AND NOT facts.has_evidence THEN 'no_evidence'
            WHEN NOT policy.assume_held AND policy.require_host_present AND NOT facts.host_came THEN 'host_not_seen'
        END AS reason
    FROM known_facts AS facts
    CROSS JOIN policy
),

suspects AS MATERIALIZED (
    SELECT early_reasons.person, early_reasons.booking, early_reasons.is_host
    FROM early_reasons
    WHERE early_reasons.reason IS NULL
),

-- The rows of these people's meetings, without bots' rows, which raise no doubt.
suspect_rows AS MATERIALIZED (
    SELECT rows.*
    FROM open_rows AS rows
    INNER JOIN (SELECT DISTINCT booking FROM suspects) AS suspected ON suspected.booking = rows.booking
    WHERE rows.row_kind > 0
),

-- Rule 11: somebody unknown was there, or more people than there are names.
rows_by_name AS MATERIALIZED (
    SELECT booking, owner AS bearer, address, participant, starts, ends
    FROM suspect_rows
    WHERE whose = 3 AND NOT is_lent
),

bearer_rows AS (
    SELECT
        bearers.booking, bearers.bearer, rows.address, rows.participant, rows.starts, rows.ends
    FROM suspect_rows AS rows
    INNER JOIN (SELECT DISTINCT booking FROM rows_by_name) AS named ON named.booking = rows.booking
    INNER JOIN owners ON owners.booking = rows.booking AND owners.how = rows.whose AND owners.owner = rows.owner
    INNER JOIN bearers ON bearers.person = owners.person
    WHERE rows.row_kind > 1
),

names_used_twice AS (
    SELECT DISTINCT rows.booking
    FROM rows_by_name AS rows
    INNER JOIN bearer_rows AS others ON others.booking = rows.booking AND others.bearer = rows.bearer
    WHERE least(rows.ends, others.ends) - greatest(rows.starts, others.starts) > 60000000
        AND NOT coalesce(rows.address = others.address, FALSE)
        AND NOT coalesce(rows.participant = others.participant, FALSE)
        AND NOT (rows.starts = others.starts AND rows.ends = others.ends)
),

unknown_company AS MATERIALIZED (
    SELECT rows.booking
    FROM suspect_rows AS rows
    CROSS JOIN policy
    LEFT JOIN known_internals ON known_internals.address = rows.address
    WHERE rows.whose = 6
        OR (rows.whose <= 4 AND rows.name_kind = 1)
        OR (
            rows.whose = 4
            AND rows.name_kind < 2
            AND NOT policy.trust_internal_accounts
            AND known_internals.address IS NULL
        )
    UNION
    SELECT booking FROM names_used_twice
),

-- Who would be absent without rules 12 to 14, with the words of their name.
blamed AS MATERIALIZED (
    SELECT
        expected.person,
        expected.booking,
        expected.address,
        expected.match_address,
        expected.tail,
        expected.name,
        expected.words,
        bearers.bearer,
        name_keys.first_word,
        name_keys.last_word
    FROM suspects
    INNER JOIN expected ON expected.person = suspects.person
    INNER JOIN bearers ON bearers.person = suspects.person
    LEFT JOIN unknown_company ON unknown_company.booking = suspects.booking
    LEFT JOIN name_keys ON name_keys.name = expected.name
    WHERE unknown_company.booking IS NULL AND NOT suspects.is_host
),

blamed_words AS MATERIALIZED (
    SELECT person, booking, bearer, ' ' || first_word || ' ' AS padded_word FROM blamed WHERE length(first_word) > 1
    UNION
    SELECT person, booking, bearer, ' ' || last_word || ' ' AS padded_word FROM blamed WHERE length(last_word) > 1
),

-- Rule 12: the name of somebody's row has a word of the absent person's name which none of the row's owners has.
-- Null never equals null, so the columns that distinguish rows with one name have values here.
owned_rows AS MATERIALIZED (
    SELECT DISTINCT
        rows.booking,
        rows.name,
        rows.whose,
        rows.owner,
        coalesce(rows.first_owner, 0) AS first_owner,
        CASE WHEN rows.is_lent THEN rows.participant ELSE 0 END AS borrower
    FROM suspect_rows AS rows
    INNER JOIN (SELECT DISTINCT booking FROM blamed) AS blamed_bookings ON blamed_bookings.booking = rows.booking
    WHERE rows.whose <= 3 AND rows.name_kind < 2 AND rows.name IS NOT NULL
),

words_in_rows AS MATERIALIZED (
    SELECT
        words.person, words.padded_word,
        rows.booking, rows.name, rows.whose, rows.owner, rows.first_owner, rows.borrower
    FROM blamed_words AS words
    INNER JOIN owned_rows AS rows ON rows.booking = words.booking
    INNER JOIN name_keys ON name_keys.name = rows.name
    WHERE strpos(name_keys.padded_key, words.padded_word) > 0
),

owned_words AS (
    SELECT DISTINCT
        rows.person, rows.padded_word, rows.booking, rows.name, rows.first_owner, rows.borrower
    FROM words_in_rows AS rows
    INNER JOIN owners ON owners.booking = rows.booking AND owners.how = rows.whose AND owners.owner = rows.owner
    INNER JOIN bearers ON bearers.person = owners.person
    INNER JOIN name_keys ON name_keys.name = bearers.name
    WHERE strpos(name_keys.padded_key, rows.padded_word) > 0
),

named_with_others AS MATERIALIZED (
    SELECT rows.person
    FROM words_in_rows AS rows
    LEFT JOIN owned_words AS owned
        ON owned.person = rows.person
        AND owned.padded_word = rows.padded_word
        AND owned.booking = rows.booking
        AND owned.name = rows.name
        AND owned.first_owner = rows.first_owner
        AND owned.borrower = rows.borrower
    WHERE owned.person IS NULL
    UNION
    -- Or the row's name is a longer spelling of the absent person's, though the row is somebody else's.
    SELECT blamed.person
    FROM blamed
    INNER JOIN owned_rows AS rows ON rows.booking = blamed.booking
    INNER JOIN name_keys ON name_keys.name = rows.name
    WHERE rows.whose = 3
        AND rows.owner <> blamed.bearer
        AND strpos(name_keys.padded_key, ' ' || blamed.first_word) > 0
        AND strpos(name_keys.padded_key, ' ' || blamed.last_word) > 0
),

-- Rules 13 and 14 consider rows outside of a person's own meetings. Other bookings are those that were not cancelled.
standing_bookings AS MATERIALIZED (
    SELECT
        sifted_bookings.booking, sifted_bookings.conference, sifted_bookings.window_start, sifted_bookings.window_end
    FROM sifted_bookings
    WHERE sifted_bookings.excluded_as IS NULL OR sifted_bookings.excluded_as = 'not_settled'
),

blamed_names AS MATERIALIZED (
    SELECT person, booking, name AS row_name, name FROM blamed WHERE words > 1
    UNION
    SELECT blamed.person, blamed.booking, borne_names.name AS row_name, blamed.name
    FROM blamed
    INNER JOIN borne_names ON borne_names.other_name = blamed.name
    WHERE blamed.words > 1
),

-- Rule 13: in the window, in another meeting, under their name.
rows_elsewhere AS MATERIALIZED (
    SELECT DISTINCT
        blamed_names.person,
        blamed_names.booking,
        blamed_names.name,
        coalesce(rows.booking, -1) AS row_booking,
        coalesce(rows.conference, -1) AS row_conference,
        rows.starts,
        rows.ends
    FROM blamed_names
    INNER JOIN daily_meetings AS meetings ON meetings.booking = blamed_names.booking
    INNER JOIN daily_presences AS rows ON rows.name = blamed_names.row_name AND rows.day = meetings.day
    WHERE rows.row_kind > 0
        AND rows.name_kind < 2
        AND rows.starts <= meetings.window_end
        AND rows.ends >= meetings.window_start
        AND CASE
            WHEN rows.booking IS NOT NULL THEN rows.booking <> meetings.booking
            ELSE rows.conference IS NULL OR meetings.conference IS NULL OR rows.conference <> meetings.conference
        END
),

meetings_elsewhere AS MATERIALIZED (
    SELECT rows.*, others.booking AS other_booking
    FROM rows_elsewhere AS rows
    INNER JOIN standing_bookings AS others ON others.booking = rows.row_booking
    WHERE rows.starts <= others.window_end AND rows.ends >= others.window_start
    UNION ALL
    SELECT rows.*, others.booking AS other_booking
    FROM rows_elsewhere AS rows
    INNER JOIN standing_bookings AS others ON others.conference = rows.row_conference
    WHERE rows.row_booking = -1
        AND others.booking <> rows.booking
        AND rows.starts <= others.window_end
        AND rows.ends >= others.window_start
),

-- Such a row may be a namesake's, in a meeting that is the namesake's and not theirs.
meetings_of_namesakes AS (
    SELECT DISTINCT
        rows.person, rows.row_booking, rows.row_conference, rows.starts, rows.ends, rows.other_booking
    FROM meetings_elsewhere AS rows
    INNER JOIN persons AS namesakes ON namesakes.booking = rows.other_booking AND namesakes.name = rows.name
    UNION
    SELECT DISTINCT
        rows.person, rows.row_booking, rows.row_conference, rows.starts, rows.ends, rows.other_booking
    FROM meetings_elsewhere AS rows
    INNER JOIN turned_names ON turned_names.name = rows.name
    INNER JOIN persons AS namesakes
        ON namesakes.booking = rows.other_booking AND namesakes.name = turned_names.other_name
),

blamed_addresses AS MATERIALIZED (
    SELECT person, booking, address FROM blamed WHERE address IS NOT NULL
    UNION
    SELECT person, booking, match_address FROM blamed WHERE match_address IS NOT NULL
),

booked_addresses AS (
    SELECT booking, address FROM persons WHERE address IS NOT NULL
    UNION ALL
    SELECT booking, match_address FROM persons WHERE match_address <> address OR address IS NULL
),

own_meetings_elsewhere AS (
    SELECT DISTINCT rows.person, rows.other_booking
    FROM (SELECT DISTINCT person, other_booking FROM meetings_elsewhere) AS rows
    INNER JOIN blamed_addresses ON blamed_addresses.person = rows.person
    INNER JOIN booked_addresses
        ON booked_addresses.booking = rows.other_booking AND booked_addresses.address = blamed_addresses.address
),

rows_of_namesakes AS (
    SELECT DISTINCT rows.person, rows.row_booking, rows.row_conference, rows.starts, rows.ends
    FROM meetings_of_namesakes AS rows
    LEFT JOIN own_meetings_elsewhere AS own
        ON own.person = rows.person AND own.other_booking = rows.other_booking
    WHERE own.person IS NULL
),

named_elsewhere AS MATERIALIZED (
    SELECT DISTINCT rows.person
    FROM rows_elsewhere AS rows
    LEFT JOIN rows_of_namesakes AS namesakes
        ON namesakes.person = rows.person
        AND namesakes.row_booking = rows.row_booking
        AND namesakes.row_conference = rows.row_conference
        AND namesakes.starts = rows.starts
        AND namesakes.ends = rows.ends
    WHERE namesakes.person IS NULL
),

-- Rule 14: under the meeting's own key, at another time.
blamed_meetings AS MATERIALIZED (
    SELECT
        blamed.person,
        blamed.booking,
        meetings.conference,
        meetings.window_start,
        meetings.window_end,
        meetings.window_start - policy.moved_within AS moved_start,
        meetings.window_end + policy.moved_within AS moved_end
    FROM blamed
    INNER JOIN meetings ON meetings.booking = blamed.booking
    CROSS JOIN policy
    WHERE meetings.conference IS NOT NULL
),

-- In a room with several bookings every row may be of another time, in other rooms only those outside of the window.
blamed_rooms AS (
    SELECT
        sifted_bookings.conference,
        count(*) AS bookings,
        min(sifted_bookings.window_start) AS window_start,
        max(sifted_bookings.window_end) AS window_end
    FROM sifted_bookings
    INNER JOIN (SELECT DISTINCT conference FROM blamed_meetings) AS wanted
        ON wanted.conference = sifted_bookings.conference
    GROUP BY sifted_bookings.conference
),

stray_rows AS MATERIALIZED (
    SELECT rows.conference, rows.address, rows.tail, rows.name, rows.starts, rows.ends
    FROM presences AS rows
    INNER JOIN blamed_rooms AS rooms ON rooms.conference = rows.conference
    WHERE rows.booking IS NULL
        AND rows.row_kind > 0
        AND rows.name_kind < 2
        AND (rooms.bookings > 1 OR rows.starts > rooms.window_end OR rows.ends < rooms.window_start)
),

blamed_handles AS (
    SELECT person, address AS handle FROM blamed_addresses
    UNION ALL
    SELECT person, tail AS handle FROM blamed WHERE tail IS NOT NULL
    UNION ALL
    SELECT person, row_name AS handle FROM blamed_names
),

stray_handles AS (
    SELECT conference, starts, ends, address AS handle FROM stray_rows WHERE address IS NOT NULL
    UNION
    SELECT conference, starts, ends, tail AS handle FROM stray_rows WHERE tail IS NOT NULL
    UNION
    SELECT conference, starts, ends, name AS handle FROM stray_rows WHERE name IS NOT NULL
),

own_stray_rows AS MATERIALIZED (
    SELECT DISTINCT meetings.person, meetings.booking, meetings.conference, rows.starts, rows.ends
    FROM blamed_meetings AS meetings
    INNER JOIN blamed_handles ON blamed_handles.person = meetings.person
    INNER JOIN stray_handles AS rows
        ON rows.conference = meetings.conference AND rows.handle = blamed_handles.handle
    WHERE rows.starts <= meetings.moved_end
        AND rows.ends >= meetings.moved_start
        AND (rows.starts > meetings.window_end OR rows.ends < meetings.window_start)
),

-- Such a row may be of another meeting of theirs in the same room.
rows_of_own_meetings AS (
    SELECT DISTINCT rows.person, rows.starts, rows.ends
    FROM own_stray_rows AS rows
    INNER JOIN standing_bookings AS others ON others.conference = rows.conference
    INNER JOIN blamed_addresses ON blamed_addresses.person = rows.person
    INNER JOIN booked_addresses
        ON booked_addresses.booking = others.booking AND booked_addresses.address = blamed_addresses.address
    WHERE others.booking <> rows.booking AND rows.starts <= others.window_end AND rows.ends >= others.window_start
),

-- Rows of no booking's time, without an address of any booking.
orphan_rows AS (
    SELECT DISTINCT rows.conference, rows.name, rows.starts, rows.ends
    FROM stray_rows AS rows
    LEFT JOIN (
        SELECT DISTINCT strays.address
        FROM (SELECT DISTINCT address FROM stray_rows) AS strays
        INNER JOIN booked_addresses ON booked_addresses.address = strays.address
    ) AS known ON known.address = rows.address
    LEFT JOIN (
        SELECT DISTINCT strays.conference, strays.starts, strays.ends
        FROM (SELECT DISTINCT conference, starts, ends FROM stray_rows) AS strays
        INNER JOIN standing_bookings AS others ON others.conference = strays.conference
        WHERE strays.starts <= others.window_end AND strays.ends >= others.window_start
    ) AS housed
        ON housed.conference = rows.conference AND housed.starts = rows.starts AND housed.ends = rows.ends
    WHERE rows.name IS NOT NULL AND known.address IS NULL AND housed.conference IS NULL
),

seen_at_other_times AS MATERIALIZED (
    SELECT rows.person
    FROM own_stray_rows AS rows
    LEFT JOIN rows_of_own_meetings AS own
        ON own.person = rows.person AND own.starts = rows.starts AND own.ends = rows.ends
    WHERE own.person IS NULL
    UNION
    SELECT meetings.person
    FROM blamed_meetings AS meetings
    INNER JOIN blamed_words AS words ON words.person = meetings.person
    INNER JOIN orphan_rows AS rows ON rows.conference = meetings.conference
    INNER JOIN name_keys ON name_keys.name = rows.name
    WHERE rows.starts <= meetings.moved_end
        AND rows.ends >= meetings.moved_start
        AND strpos(name_keys.padded_key, words.padded_word) > 0
),

given_reasons AS (
    SELECT
        early.person,
        early.presence,
        early.first_joined,
        early.last_left,
        CASE
            WHEN early.reason IS NOT NULL THEN early.reason
            WHEN unknown_company.booking IS NOT NULL THEN 'unknown_participant'
            WHEN early.is_host AND NOT early.guest_came THEN 'no_guest_seen'
            WHEN named_with_others.person IS NOT NULL THEN 'named_with_another'
            WHEN policy.traces_are_doubt AND named_elsewhere.person IS NOT NULL THEN 'name_elsewhere'
            WHEN policy.traces_are_doubt AND seen_at_other_times.person IS NOT NULL THEN 'seen_at_another_time'
            ELSE 'not_seen'
        END AS reason
    FROM early_reasons AS early
    CROSS JOIN policy
    LEFT JOIN unknown_company ON unknown_company.booking = early.booking
    LEFT JOIN named_with_others ON named_with_others.person = early.person
    LEFT JOIN named_elsewhere ON named_elsewhere.person = early.person
    LEFT JOIN seen_at_other_times ON seen_at_other_times.person = early.person
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

persons_to_judge AS (
    SELECT persons.*
    FROM persons
    CROSS JOIN policy
    WHERE NOT persons.is_host OR policy.judge_hosts
),

outcome_counts AS (
    SELECT outcome, reason, count(*) AS persons FROM reasons GROUP BY outcome, reason
    UNION ALL
    SELECT 'excluded' AS outcome, excluded_as AS reason, count(*) AS persons
    FROM persons_to_judge
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
    FROM persons_to_judge AS persons
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
