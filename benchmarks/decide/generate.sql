-- One set of bookings, people and attendance. Every figure comes from hash(), so the same parameters give the same rows.
-- Variables: seed, bookings, per_day, hosts, room_every, recurring_slot, without_key, month, folder (see generate.py).

-- Hashed twice: the bits of hash(a, 'x') and hash(a, 'y') go together.
CREATE MACRO bits(a, salt) AS hash(hash(a, salt, getvariable('seed')));
CREATE MACRO share(a, salt) AS (bits(a, salt) >> 11) / 9007199254740992.0;
CREATE MACRO pick(a, salt, n) AS (bits(a, salt) % n)::BIGINT;
CREATE MACRO one_of(a, salt, words) AS words[1 + pick(a, salt, len(words))];
CREATE MACRO code(a, salt, length) AS
    translate(substr(md5(a || salt || getvariable('seed')), 1, length), '0123456789', 'ghijklmnop');

-- Hosts have ids below zero, customers from zero on; a fifth of the places go to a twentieth of the customers.
CREATE TEMP TABLE folk AS
WITH named AS (
    SELECT who,
        one_of(who, 'first', ['Ada', 'Ben', 'Chloé', 'Dmitri', 'Elena', 'Felix', 'Greta', 'Hassan', 'Ines', 'Jonas',
            'Katya', 'Liam', 'Maria', 'Noor', 'Oskar', 'Priya', 'Quinn', 'Rosa', 'Sören', 'Tomás', 'Uma', 'Viktor',
            'Wen', 'Ximena', 'Yusuf', 'Zoë', 'Anna Lena', 'Jean', 'Karim', 'Laura', 'Mateo', 'Nadia']) AS first_name,
        one_of(who, 'last', ['Al', 'Ber', 'Cas', 'Dom', 'El', 'Fer', 'Gar', 'Hol', 'Iv', 'Jan', 'Kor', 'Lind', 'Mar',
            'Nor', 'Ols', 'Pet', 'Quint', 'Ros', 'Sor', 'Tan', 'Ul', 'Val', 'Wes', 'Yil', 'Zim'])
        || one_of(who, 'mid', ['a', 'al', 'an', 'ar', 'as', 'e', 'el', 'en', 'er', 'es', 'i', 'il', 'in', 'is',
            'o', 'ol', 'on', 'or', 'u', 'un'])
        || one_of(who, 'end', ['berg', 'dez', 'ev', 'feld', 'ger', 'holm', 'lli', 'man', 'ov', 'ski', 'son', 'ström',
            'ton', 'vic', 'wald', 'yan']) AS last_name
    FROM range(-getvariable('hosts')::BIGINT, (getvariable('bookings') * 3 // 10)::BIGINT) AS every(who)
)
SELECT who, first_name, first_name || ' ' || last_name AS name,
    lower(replace(strip_accents(first_name), ' ', '')) || '.' || lower(strip_accents(last_name)) || abs(who) AS local_part,
    CASE
        WHEN who < 0 THEN 'acme.example'
        WHEN share(who, 'mail') < 0.5 THEN one_of(who, 'free', ['gmail.com', 'outlook.com', 'yahoo.com', 'web.de'])
        ELSE 'firm' || pick(who, 'firm', 5000) || '.example'
    END AS domain,
    CASE WHEN who >= 0 AND share(who, 'phone') < 0.3
        THEN '+49 15' || (100 + pick(who, 'net', 900)) || ' ' || (1000000 + pick(who, 'number', 9000000)) END AS phone
FROM named;

CREATE TEMP TABLE planned AS
WITH placed AS (
    SELECT i, i // getvariable('per_day') AS day, i % getvariable('per_day') % getvariable('hosts') AS host,
        i % getvariable('per_day') // getvariable('hosts') % 17 AS slot
    FROM range(getvariable('bookings')::BIGINT) AS every(i)
), dated AS (
    SELECT *, md5('booking' || i || getvariable('seed'))[:22] AS uid,
        -- The host's office hours begin between 6 and 14 o'clock UTC; a slot is half an hour.
        getvariable('month')::TIMESTAMPTZ
            + to_minutes(day * 1440 + 360 + (host % 5) * 120 + slot * 30) AS start_at,
        one_of(i, 'minutes', [30, 30, 30, 30, 20, 15]) AS minutes,
        slot = getvariable('recurring_slot') AS recurring,
        (host + 1) % getvariable('room_every') = 0 AS own_room,
        share(i, 'status') AS status_share, share(i, 'source') AS source_share
    FROM placed
)
SELECT i, uid, host, recurring, start_at, minutes,
    start_at + to_minutes(minutes) AS end_at,
    CASE WHEN status_share < 0.03 THEN 'cancelled' ELSE 'accepted' END AS status,
    CASE WHEN status_share BETWEEN 0.03 AND 0.05 THEN md5('later' || uid)[:22] END AS rescheduled_to_uid,
    source_share < 0.05 AND NOT own_room AND NOT recurring AS cal_video,
    CASE WHEN source_share < 0.05 THEN 'cal_video' WHEN source_share < 0.7 THEN 'zoom' ELSE 'google_meet' END AS source,
    -- What the feed calls the meeting.
    CASE
        WHEN own_room THEN (4000000000 + host)::VARCHAR
        WHEN recurring THEN code(host * 100 + slot, 'series', 10)
        WHEN source_share < 0.05 THEN uid
        WHEN source_share < 0.7 THEN (80000000000 + (i * 6700417) % 9999999967)::VARCHAR
        ELSE code(i, 'room', 10)
    END AS room,
    share(i, 'keyless') >= getvariable('without_key') AS has_key
FROM dated;

-- place: 0 the host, 1 and 2 attendees, 3 an internal participant, 4 a bot, 5 an unknown participant.
CREATE TEMP TABLE actors AS
WITH drawn AS (
    SELECT i, place, i * 10 + place AS actor,
        -- A recurring meeting has the same guests every time.
        CASE WHEN recurring THEN -(host * 100) - place ELSE i * 10 + place END AS guest, host
    FROM planned, range(6) AS places(place)
)
SELECT i, place, actor,
    CASE
        WHEN place = 0 THEN -host - 1
        WHEN place = 3 THEN -pick(actor, 'colleague', getvariable('hosts')) - 1  -- a seed of the data # word: quoted
        WHEN place < 3 THEN pick(guest, 'customer', getvariable('bookings') * 3
            // (CASE WHEN share(guest, 'regular') < 0.2 THEN 200 ELSE 10 END))
    END AS who,
    -- How many rows the feed has of the actor; none for who did not come.
    CASE
        WHEN place = 0 AND share(actor, 'came') < 0.98 THEN 2 + pick(actor, 'stints', 5)
        WHEN place < 3 AND share(actor, 'came') < 0.85
            THEN least(5, 1 + pick(actor, 'stints', 4) + pick(actor, 'more', 4))
        WHEN place = 3 AND share(actor, 'came') < 0.4 THEN 1 + pick(actor, 'stints', 5)
        WHEN place = 4 AND share(actor, 'came') < 0.13 THEN 1 + pick(actor, 'stints', 3)
        WHEN place = 5 AND share(actor, 'came') < 0.12 THEN 1 + pick(actor, 'stints', 5)
        ELSE 0
    END AS stints
FROM drawn
WHERE place <> 2 OR share(actor, 'second') < 0.5;

COPY (
    SELECT uid AS booking_uid, status, start_at, end_at, rescheduled_to_uid,
        CASE WHEN has_key THEN room END AS conference_key
    FROM planned
) TO (getvariable('folder') || '/bookings.parquet') (FORMAT parquet, COMPRESSION zstd);

COPY (
    SELECT uid AS booking_uid, CASE WHEN place = 0 THEN 'host' ELSE 'attendee' END AS role,
        local_part || CASE WHEN place > 0 AND share(actor, 'plus') < 0.03 THEN '+' || uid ELSE '' END || '@' || domain
            AS email,
        local_part || '@' || domain AS match_email, name, phone,
        place > 0 AND share(actor, 'absent') < 0.02 AS absent
    FROM actors JOIN planned USING (i) JOIN folk USING (who)
    WHERE place < 3
) TO (getvariable('folder') || '/people.parquet') (FORMAT parquet, COMPRESSION zstd);

COPY (
    WITH stint AS (
        SELECT i, place, actor, who, stints, unnest(range(stints)) AS nth FROM actors WHERE stints > 0
    ), timed AS (
        SELECT *, actor * 10 + nth AS line, share(actor, 'shows') AS shows,
            place IN (1, 2) AND nth = 0 AND share(actor, 'lobby') < 0.24 AS in_lobby,
            place IN (1, 2) AND nth = 1 AND share(actor, 'desk') < 0.09 AS at_desk,
            -- The booking's time in equal parts, one a stint, with a little lateness at the beginning.
            start_at + to_milliseconds((nth * minutes * 60000 // stints + pick(actor * 10 + nth, 'late', 90000)
                - CASE WHEN nth = 0 THEN 120000 ELSE 0 END)::BIGINT) AS joined_at,
            greatest(minutes * 60000 // stints - 91000, 20000)::BIGINT AS stays
        FROM stint JOIN planned USING (i)
        WHERE status = 'accepted' AND rescheduled_to_uid IS NULL
    ), known AS (
        SELECT timed.*, name, phone, local_part || '@' || domain AS email,
            -- Which of address, name and number the feed shows: guests' addresses are often blank.
            CASE
                WHEN place IN (0, 3) THEN if(shows < 0.8, 'email', 'name')
                WHEN place < 3 AND (shows < 0.54 OR at_desk) THEN 'email'
                WHEN place < 3 AND shows < 0.65 AND phone IS NOT NULL THEN 'phone'
                WHEN place < 3 AND shows > 0.985 THEN 'first name'
                WHEN place = 5 AND shows < 0.2 THEN 'stranger'
                WHEN place < 3 THEN 'name'
            END AS shown,
            first_name
        FROM timed LEFT JOIN folk USING (who)
    )
    SELECT
        CASE WHEN at_desk THEN 'check_in' ELSE source END AS source,
        -- Half of the rows have the vendor's id of who joined: an account's, which comes again in other meetings, or a
        -- registration for this one.
        CASE
            WHEN at_desk OR place > 3 OR share(actor, 'identified') >= 0.53 THEN NULL
            WHEN place IN (0, 3) OR share(who, 'account') < 0.4 THEN md5('account' || who || getvariable('seed'))[:22]
            ELSE md5('registrant' || actor || getvariable('seed'))[:22]
        END AS participant,
        CASE WHEN in_lobby THEN 'lobby' WHEN at_desk THEN 'check_in' WHEN place = 4 AND shows < 0.5 THEN 'bot' ELSE 'person'
            END AS kind,
        CASE WHEN cal_video THEN uid END AS booking_uid,
        CASE WHEN NOT at_desk AND (has_key OR source = 'zoom') THEN room END AS conference_key,
        CASE
            WHEN shown = 'email' THEN CASE WHEN share(line, 'case') < 0.05 THEN upper(email) ELSE email END
            WHEN shown = 'stranger' THEN 'visitor' || pick(actor, 'visitor', 1000000) || '@gmail.com'
        END AS email,
        CASE
            WHEN shown IN ('email', 'name') THEN CASE WHEN share(line, 'case') < 0.03 THEN lower(name) ELSE name END
            WHEN shown = 'first name' THEN first_name
            WHEN place = 4 THEN one_of(actor, 'bot', ['Otter.ai', 'Fireflies.ai Notetaker', 'read.ai meeting notes',
                'Fathom.video Notetaker', 'Notetaker (' || code(actor, 'bot', 4) || ')'])
            WHEN place = 5 THEN one_of(actor, 'guest', ['iPhone', 'Guest', 'Galaxy S24', 'Guest ' || code(actor, 'guest', 5)])
        END AS name,
        CASE WHEN shown = 'phone' THEN replace(phone, ' ', '') END AS phone,
        joined_at,
        CASE
            WHEN at_desk OR share(line, 'open') < 0.01 THEN NULL
            WHEN in_lobby THEN joined_at + to_seconds(45)
            -- A room left open for days.
            WHEN share(line, 'days') < 0.0002 THEN joined_at + to_hours((24 + pick(line, 'days', 96))::BIGINT)
            ELSE joined_at + to_milliseconds(stays)
        END AS left_at
    FROM known
) TO (getvariable('folder') || '/attendance.parquet') (FORMAT parquet, COMPRESSION zstd);
