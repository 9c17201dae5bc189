-- The facts of the chosen bookings: steps after those of rules.sql, in DuckDB's own SQL, and one row of JSON for each
-- booking at the end. Timestamps are microseconds since 1970.
--
-- It reads three more tables: chosen (booking, and place: its rank by start and uid), options (one row, see
-- collect.Options) and, once these steps have run, hashes (address and hash).
--
-- People and rows are sorted by what they have, and by their number only where they are equal: neither the order of the
-- input nor threads make a difference.

WITH

found_people AS MATERIALIZED (
    SELECT
        chosen.place, persons.booking, people.person, people.role, people.email, people.name,
        people.absent AS currently_absent, persons.is_internal, outcomes.outcome, outcomes.reason,
        coalesce(outcomes.presence, 0) / 1e6 AS presence_seconds,
        outcomes.first_joined AS first_joined_at, outcomes.last_left AS last_left_at,
        row_number() OVER (
            PARTITION BY chosen.place
            ORDER BY
                people.role DESC, people.email NULLS FIRST, people.name, people.match_email, people.phone,
                people.absent, people.person
        ) AS rank,
        CASE WHEN options.numbers_of_files THEN people.person ELSE rank END AS number
    FROM people
    INNER JOIN persons ON persons.person = people.person
    INNER JOIN chosen ON chosen.booking = persons.booking
    CROSS JOIN options
    LEFT JOIN outcomes ON outcomes.person = people.person
),

-- Rows of the conference around the window. Rows and meetings are compared by day, as in rules.sql; rows
-- that last beyond their first day, which are few, with all meetings of their conference.
vicinities AS (
    SELECT
        meetings.booking, meetings.conference,
        meetings.window_start - options.nearby AS near_start,
        meetings.window_end + options.nearby AS near_end
    FROM meetings
    CROSS JOIN options
    WHERE meetings.conference IS NOT NULL
),

days_of_rooms AS (
    SELECT DISTINCT conference, first_day FROM presences WHERE booking IS NULL AND conference > 0
),

rows_nearby AS (
    SELECT vicinities.booking, rows.feed_row
    FROM vicinities
    INNER JOIN days_of_rooms AS days
        ON days.conference = vicinities.conference
        AND days.first_day BETWEEN vicinities.near_start // 86400000000 AND vicinities.near_end // 86400000000
    INNER JOIN presences AS rows ON rows.conference = days.conference AND rows.first_day = days.first_day
    WHERE rows.booking IS NULL AND rows.starts <= vicinities.near_end AND rows.ends >= vicinities.near_start
    UNION ALL
    SELECT vicinities.booking, rows.feed_row
    FROM vicinities
    INNER JOIN presences AS rows ON rows.conference = vicinities.conference
    WHERE rows.booking IS NULL
        AND rows.ends // 86400000000 > rows.first_day
        AND rows.starts <= vicinities.near_end
        AND rows.ends >= vicinities.near_start
),

-- nearness: 1 of the meeting, 2 elsewhere in the window with something of a person's, 3 outside of the window.
rows_by_nearness AS (
    SELECT booking, feed_row, 1 AS nearness FROM open_rows
    UNION ALL
    SELECT booking, feed_row, 2 AS nearness FROM person_rows
    UNION ALL
    SELECT persons.booking, rows.feed_row, 2 AS nearness
    FROM rows_of_name_elsewhere AS rows
    INNER JOIN persons ON persons.person = rows.person
    UNION ALL
    SELECT rows.booking, rows.feed_row, 3 AS nearness
    FROM presences AS rows
    INNER JOIN meetings ON meetings.booking = rows.booking
    UNION ALL
    SELECT persons.booking, rows.feed_row, 3 AS nearness
    FROM rows_at_other_times AS rows
    INNER JOIN persons ON persons.person = rows.person
    UNION ALL
    SELECT booking, feed_row, 3 AS nearness FROM rows_nearby
),

found_rows AS MATERIALIZED (
    SELECT
        chosen.place, nearest.booking, nearest.feed_row, nearest.nearness,
        attendance.* EXCLUDE (feed_row), rows.starts, rows.ends, of_meeting.whose,
        coalesce(of_meeting.is_lent, FALSE) AS is_by_participant,
        row_number() OVER (
            PARTITION BY nearest.booking
            ORDER BY
                nearest.nearness, rows.starts, rows.ends, attendance.name, attendance.email, attendance.phone,
                attendance.kind, attendance.source, attendance.participant, attendance.booking_uid,
                attendance.conference_key, attendance.joined_at, attendance.left_at, nearest.feed_row
        ) AS rank
    FROM (
        SELECT booking, feed_row, min(nearness) AS nearness FROM rows_by_nearness GROUP BY booking, feed_row
    ) AS nearest
    INNER JOIN chosen ON chosen.booking = nearest.booking
    INNER JOIN presences AS rows ON rows.feed_row = nearest.feed_row
    INNER JOIN attendance ON attendance.feed_row = nearest.feed_row
    LEFT JOIN (
        SELECT booking, feed_row, min(whose) AS whose, bool_or(is_lent) AS is_lent
        FROM open_rows
        GROUP BY booking, feed_row
    ) AS of_meeting ON of_meeting.booking = nearest.booking AND of_meeting.feed_row = nearest.feed_row
),

-- What a row is to a person, or to the booking itself.
links AS MATERIALIZED (
    SELECT outcomes.booking, stints.feed_row, 'counts_for' AS link, stints.person
    FROM stints
    INNER JOIN outcomes ON outcomes.person = stints.person
    UNION
    SELECT persons.booking, rows.feed_row, 'trace_of', rows.person
    FROM trace_rows AS rows
    INNER JOIN persons ON persons.person = rows.person
    UNION
    SELECT booking, feed_row, 'is_evidence', NULL FROM row_facts WHERE has_evidence = 1
    UNION
    SELECT booking, feed_row, 'is_internal', NULL FROM row_facts WHERE has_internal = 1
    UNION
    SELECT booking, feed_row, 'is_company', NULL FROM company_rows
    UNION
    SELECT persons.booking, rows.feed_row, 'named_with', rows.person
    FROM shared_name_rows AS rows
    INNER JOIN persons ON persons.person = rows.person
    UNION
    SELECT persons.booking, rows.feed_row, 'named_elsewhere', rows.person
    FROM rows_of_name_elsewhere AS rows
    INNER JOIN persons ON persons.person = rows.person
    UNION
    SELECT persons.booking, rows.feed_row, 'at_another_time', rows.person
    FROM rows_at_other_times AS rows
    INNER JOIN persons ON persons.person = rows.person
    UNION
    SELECT booking, feed_row, 'is_host_side', NULL FROM host_stints
),

-- is_first: the first row of one of its links, which a reason may cite. is_active: not only a trace of somebody on whom
-- nothing is decided.
ranked_links AS (
    SELECT
        links.booking, links.feed_row, links.link, found_people.number,
        links.link <> 'trace_of' OR found_people.outcome IS NOT NULL AS is_active,
        rows.rank = min(rows.rank) OVER (PARTITION BY links.booking, links.link, links.person) AS is_first
    FROM links
    INNER JOIN found_rows AS rows ON rows.booking = links.booking AND rows.feed_row = links.feed_row
    LEFT JOIN found_people ON found_people.person = links.person
),

linked_rows AS MATERIALIZED (
    SELECT
        booking, feed_row,
        bool_or(is_first) AS is_first,
        bool_or(is_active) AS is_active,
        list(number ORDER BY number) FILTER (link = 'counts_for') AS counts_for,
        list(number ORDER BY number) FILTER (link = 'trace_of') AS trace_of,
        list(number ORDER BY number) FILTER (link = 'named_with') AS named_with,
        list(number ORDER BY number) FILTER (link = 'named_elsewhere') AS named_elsewhere,
        list(number ORDER BY number) FILTER (link = 'at_another_time') AS at_another_time,
        bool_or(link = 'is_evidence') AS is_evidence,
        bool_or(link = 'is_host_side') AS is_host_side,
        bool_or(link = 'is_internal') AS is_internal,
        bool_or(link = 'is_company') AS is_company
    FROM ranked_links
    GROUP BY booking, feed_row
),

-- Few columns, because they are sorted twice.
placed_rows AS (
    SELECT
        rows.booking,
        rows.feed_row,
        rows.nearness > 1 AND NOT coalesce(linked_rows.is_active, FALSE) AS is_idle,
        row_number() OVER (
            PARTITION BY rows.booking ORDER BY coalesce(linked_rows.is_first, FALSE) DESC, rows.rank
        ) AS shown_place,
        row_number() OVER (
            PARTITION BY rows.booking, rows.nearness > 1 AND NOT coalesce(linked_rows.is_active, FALSE)
            ORDER BY rows.rank
        ) AS idle_place
    FROM found_rows AS rows
    LEFT JOIN linked_rows ON linked_rows.booking = rows.booking AND linked_rows.feed_row = rows.feed_row
),

shown_rows AS (
    SELECT rows.*, linked_rows.* EXCLUDE (booking, feed_row)
    FROM placed_rows
    CROSS JOIN options
    INNER JOIN found_rows AS rows ON rows.booking = placed_rows.booking AND rows.feed_row = placed_rows.feed_row
    LEFT JOIN linked_rows ON linked_rows.booking = rows.booking AND linked_rows.feed_row = rows.feed_row
    WHERE placed_rows.shown_place <= options.most_rows
        AND (NOT placed_rows.is_idle OR placed_rows.idle_place <= options.most_idle_rows)
),

-- JSON is put together as text: concat_ws() leaves out what is null, and to_json() of structs that have JSON in them would
-- parse it again at each level.
row_objects AS (
    SELECT
        rows.place,
        rows.rank,
        '{' || concat_ws(
            ',',
            '"number":' || CASE WHEN options.numbers_of_files THEN rows.feed_row ELSE rows.rank END,
            '"source":' || to_json(rows.source),
            '"participant":' || CASE WHEN NOT options.are_hashed THEN to_json(rows.participant) END,
            '"kind":' || to_json(rows.kind),
            '"booking_uid":' || to_json(rows.booking_uid),
            '"conference_key":' || to_json(rows.conference_key),
            '"email":' || to_json(CASE WHEN options.are_hashed THEN hashes.hash ELSE rows.email END),
            '"name":' || to_json(
                CASE
                    WHEN NOT options.are_hashed THEN rows.name
                    WHEN hashes.hash IS NULL AND coalesce(rows.name, rows.phone) IS NOT NULL THEN options.somebody
                END
            ),
            '"phone":' || CASE WHEN NOT options.are_hashed THEN to_json(rows.phone) END,
            '"joined_at":' || rows.joined_at,
            '"left_at":' || rows.left_at,
            '"begins":' || rows.starts,
            '"ends":' || rows.ends,
            '"place":"' || ['meeting', 'elsewhere', 'outside_window'][rows.nearness] || '"',
            '"whose":"' || ['email', 'phone', 'name', 'internal', 'bot', 'unknown_participant'][rows.whose] || '"',
            CASE WHEN rows.is_by_participant THEN '"is_by_participant":true' END,
            '"counts_for":' || to_json(rows.counts_for),
            '"trace_of":' || to_json(rows.trace_of),
            '"named_with":' || to_json(rows.named_with),
            '"named_elsewhere":' || to_json(rows.named_elsewhere),
            '"at_another_time":' || to_json(rows.at_another_time),
            CASE WHEN rows.is_evidence THEN '"is_evidence":true' END,
            CASE WHEN rows.is_host_side THEN '"is_host_side":true' END,
            CASE WHEN rows.is_internal THEN '"is_internal":true' END,
            CASE WHEN rows.is_company THEN '"is_company":true' END
        ) || '}' AS as_json
    FROM shown_rows AS rows
    CROSS JOIN options
    LEFT JOIN hashes ON hashes.address = rows.email
),

person_objects AS (
    SELECT
        people.place,
        people.rank,
        '{' || concat_ws(
            ',',
            '"person":' || people.number,
            '"role":"' || people.role || '"',
            '"email":' || to_json(CASE WHEN options.are_hashed THEN hashes.hash ELSE people.email END),
            '"name":' || CASE WHEN NOT options.are_hashed THEN to_json(people.name) END,
            '"currently_absent":' || people.currently_absent,
            '"is_internal":' || people.is_internal,
            '"outcome":"' || people.outcome || '"',
            '"reason":"' || people.reason || '"',
            '"presence_seconds":' || to_json(people.presence_seconds),
            '"first_joined_at":' || people.first_joined_at,
            '"last_left_at":' || people.last_left_at
        ) || '}' AS as_json
    FROM found_people AS people
    CROSS JOIN options
    LEFT JOIN hashes ON hashes.address = people.email
),

source_objects AS (
    SELECT
        chosen.place,
        sources.source_number AS rank,
        to_json({
            source: nullif(sources.source, ''),
            complete_until: sources.source_end,
            is_named: sources.is_named,
            has_rows: of_meetings.booking IS NOT NULL
        }) AS as_json
    FROM chosen
    CROSS JOIN sources
    LEFT JOIN (SELECT DISTINCT booking, source_number FROM open_rows) AS of_meetings
        ON of_meetings.booking = chosen.booking AND of_meetings.source_number = sources.source_number
),

row_lists AS (
    SELECT place, string_agg(as_json, ',' ORDER BY rank) AS as_json FROM row_objects GROUP BY place
),

person_lists AS (
    SELECT place, string_agg(as_json, ',' ORDER BY rank) AS as_json FROM person_objects GROUP BY place
),

source_lists AS (
    SELECT place, string_agg(as_json, ',' ORDER BY rank) AS as_json FROM source_objects GROUP BY place
),

row_counts AS (
    SELECT
        place,
        concat_ws(
            ',',
            '"meeting":' || nullif(count(*) FILTER (nearness = 1), 0),
            '"elsewhere":' || nullif(count(*) FILTER (nearness = 2), 0),
            '"outside_window":' || nullif(count(*) FILTER (nearness = 3), 0)
        ) AS as_json
    FROM found_rows
    GROUP BY place
),

-- The rules know up to where the feed is complete only for a booking that they judge.
ends_of_feeds AS (
    SELECT booking, any_value(complete_until) AS complete_until FROM known_facts GROUP BY booking
)

SELECT
    bookings.booking_uid,
    concat(
        '{"booking":',
        to_json({
            booking_uid: bookings.booking_uid,
            status: bookings.status,
            start_at: bookings.start_at,
            end_at: bookings.end_at,
            rescheduled_to_uid: bookings.rescheduled_to_uid,
            conference_key: bookings.conference_key,
            window_start: sifted_bookings.window_start,
            window_end: sifted_bookings.window_end,
            settled_at: bookings.end_at + policy.settle,
            excluded_as: sifted_bookings.excluded_as
        }),
        ',"feed":{',
        concat_ws(
            ',',
            '"rows":' || feed.feed_rows,
            '"complete_until":'
                || CASE WHEN ends.booking IS NULL THEN feed.complete_until ELSE ends.complete_until END,
            '"needed_until":' || (bookings.end_at + greatest(policy.overrun, policy.settle)),
            '"attendance_until":' || policy.attendance_until,
            '"as_of":' || policy.as_of
        ),
        ',"sources":[', source_lists.as_json, ']},"host_side":',
        -- The required presence, as the rules compute it: half of the core at most, to the microsecond.
        to_json({
            came: CASE WHEN sifted_bookings.excluded_as IS NULL THEN hosts_that_came.booking IS NOT NULL END,
            seconds_of_core: coalesce(host_sides.covered, 0) / 1e6,
            needed_seconds: greatest(
                least(policy.host_min_presence, (bookings.end_at - bookings.start_at + 1) // 2), policy.min_presence
            ) / 1e6,
            checked_in: coalesce(host_sides.has_check_in, 0) = 1
        }),
        ',"people":[', person_lists.as_json, '],"rows":[', row_lists.as_json,
        '],"rows_in_all":{', row_counts.as_json, '}}'
    ) AS facts
FROM chosen
CROSS JOIN policy
CROSS JOIN feed
INNER JOIN bookings ON bookings.booking = chosen.booking
INNER JOIN sifted_bookings ON sifted_bookings.booking = chosen.booking
LEFT JOIN ends_of_feeds AS ends ON ends.booking = chosen.booking
LEFT JOIN host_sides ON host_sides.booking = chosen.booking
LEFT JOIN hosts_that_came ON hosts_that_came.booking = chosen.booking
LEFT JOIN source_lists ON source_lists.place = chosen.place
LEFT JOIN person_lists ON person_lists.place = chosen.place
LEFT JOIN row_lists ON row_lists.place = chosen.place
LEFT JOIN row_counts ON row_counts.place = chosen.place
ORDER BY chosen.place
