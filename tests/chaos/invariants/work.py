"""Photos and films: counted right, ended once, made once, and only when paid for."""

from tests.chaos.invariants.invariant import rows

NEWEST = """SELECT DISTINCT ON (workspace_id, root_id) * FROM image_generation
            ORDER BY workspace_id, root_id, version DESC"""

IMAGING = (
    rows(
        "G1",
        "imaging",
        "The versions of an image are numbered from 1 without a gap, in one project",
        """SELECT root_id FROM image_generation GROUP BY root_id
           HAVING count(*) <> max(version) OR min(version) <> 1
               OR count(DISTINCT project_id) <> 1""",
    ),
    rows(
        "G2",
        "imaging",
        "A project's counts are those of its images",
        f"""SELECT p.id FROM project p LEFT JOIN ({NEWEST}) i
              ON i.workspace_id = p.workspace_id AND i.project_id = p.id
            WHERE p.deleted_at IS NULL GROUP BY p.workspace_id, p.id
            HAVING p.image_count <> count(i.id)
                OR p.completed_count <> count(*) FILTER (WHERE i.status = 'completed')
                OR p.failed_count <> count(*) FILTER (WHERE i.status = 'failed')""",
    ),
    rows(
        "G3",
        "imaging",
        "A project's status follows from its images",
        """SELECT id FROM project WHERE deleted_at IS NULL AND status <> CASE
             WHEN started_at IS NULL THEN 'pending'
             WHEN completed_count + failed_count < image_count THEN 'processing'
             WHEN failed_count > 0 THEN 'failed' ELSE 'completed' END""",
    ),
    rows(
        "G4",
        "imaging",
        "No image and no submission stays open",
        """SELECT id FROM image_generation WHERE status = 'processing' UNION ALL
           SELECT id FROM attempt WHERE state IN ('submitting', 'submitted', 'unknown', 'answered')
        """,
    ),
    rows(
        "G6",
        "imaging",
        "A completed image has a file with hash, size and the original's proportions",
        """SELECT id FROM image_generation WHERE status = 'completed' AND (
             result_sha256 IS NULL OR result_size_bytes IS NULL OR result_width IS NULL
             OR abs(result_width::numeric / result_height * original_height / original_width - 1)
                > 0.01)""",
    ),
    rows(
        "G7",
        "imaging",
        "A completed image comes from exactly one successful submission, others from none",
        """SELECT i.id FROM image_generation i LEFT JOIN attempt a ON a.version_id = i.id
           GROUP BY i.workspace_id, i.id HAVING count(*) FILTER (WHERE a.state = 'succeeded')
             <> (i.status = 'completed')::int""",
    ),
    rows(
        "G8",
        "imaging",
        "Nothing was submitted for a project that is not paid for",
        """SELECT a.id FROM attempt a JOIN image_generation i ON i.id = a.version_id
           JOIN project p ON p.id = i.project_id WHERE p.paid_at IS NULL OR p.payment_id IS NULL""",
    ),
    rows(
        "G9",
        "imaging",
        "Each image's end was told once, as it is",
        """SELECT i.id FROM image_generation i LEFT JOIN outbox o
             ON o.body->>'image_id' = i.root_id::text AND o.body->>'version' = i.version::text
             AND o.routing_key IN ('imaging.image_completed.v1', 'imaging.image_failed.v1')
           GROUP BY i.workspace_id, i.id
           HAVING count(*) FILTER (WHERE o.routing_key = 'imaging.image_completed.v1')
                    <> (i.status = 'completed')::int
               OR count(*) FILTER (WHERE o.routing_key = 'imaging.image_failed.v1')
                    <> (i.status = 'failed')::int""",
    ),
    rows(
        "G10",
        "imaging",
        "Each project's start and end were told once",
        """SELECT p.id FROM project p LEFT JOIN outbox o ON o.body->>'project_id' = p.id::text
           GROUP BY p.workspace_id, p.id
           HAVING count(*) FILTER (WHERE o.routing_key = 'imaging.project_started.v1')
                    <> (p.started_at IS NOT NULL)::int
               OR count(*) FILTER (WHERE o.routing_key IN
                    ('imaging.project_completed.v1', 'imaging.project_failed.v1'))
                    <> (p.finished_at IS NOT NULL)::int""",
    ),
    rows(
        "G11",
        "imaging",
        "What an image cost is what its submissions cost",
        """SELECT i.id FROM image_generation i LEFT JOIN attempt a ON a.version_id = i.id
           GROUP BY i.workspace_id, i.id
           HAVING i.cost_micro_usd <> coalesce(sum(a.cost_micro_usd), 0)""",
    ),
)
VIDEO = (
    rows(
        "V1",
        "video",
        "The clips of a video are ordered from 1 without a gap",
        """SELECT video_id FROM video_clip GROUP BY video_id
           HAVING min(sequence_order) <> 1 OR max(sequence_order) <> count(*)
               OR count(DISTINCT sequence_order) <> count(*)""",
    ),
    rows(
        "V2",
        "video",
        "A completed video has every clip and every transition it was paid for",
        """SELECT c.id FROM video_clip c JOIN video_project v ON v.id = c.video_id
           WHERE v.status = 'completed' AND (c.status NOT IN ('completed', 'left_out')
             OR c.transition_status IN ('pending', 'processing'))""",
    ),
    rows(
        "V2b",
        "video",
        "A film lasts as long as what it was joined from",
        """SELECT v.id FROM video_project v JOIN video_clip c ON c.video_id = v.id
           WHERE v.status = 'completed' GROUP BY v.workspace_id, v.id, v.duration_seconds
           HAVING abs(v.duration_seconds - sum(
               CASE c.status WHEN 'completed' THEN c.duration_seconds ELSE 0 END
               + CASE c.transition_status WHEN 'completed' THEN 5 ELSE 0 END))
             > 0.2 + 0.5 * count(*) FILTER (WHERE c.transition_status = 'cross_fade')""",
    ),
    rows(
        "V3",
        "video",
        "No submission, segment or film stays open",
        """SELECT id FROM attempt WHERE status IN ('intended', 'submitted', 'unknown', 'answered')
           UNION ALL SELECT id FROM segment WHERE status IN ('pending', 'rendering')
           UNION ALL SELECT id FROM compilation WHERE status IN ('pending', 'rendering')
           UNION ALL SELECT id FROM video_project WHERE status IN ('generating', 'compiling')""",
    ),
    rows(
        "V4",
        "video",
        "Each completed clip and transition comes from exactly one successful submission",
        """SELECT c.id FROM video_clip c LEFT JOIN attempt a ON a.clip_id = c.id
           GROUP BY c.workspace_id, c.id
           HAVING count(*) FILTER (WHERE a.part = 'clip' AND a.status = 'succeeded')
                    <> (c.status = 'completed' AND NOT c.is_ken_burns)::int
               OR count(*) FILTER (WHERE a.part = 'transition' AND a.status = 'succeeded')
                    <> (c.transition_status = 'completed')::int""",
    ),
    rows(
        "V5",
        "video",
        "ClipsCompiled was told once for each finished film, and for no other",
        """SELECT v.id FROM video_project v LEFT JOIN outbox o
             ON o.body->>'video_id' = v.id::text AND o.routing_key = 'video.clips_compiled.v1'
           GROUP BY v.workspace_id, v.id
           HAVING count(o.event_id) <> (v.status = 'completed')::int""",
    ),
    rows(
        "V6",
        "video",
        "Each clip was told once",
        """SELECT c.id FROM video_clip c LEFT JOIN outbox o
             ON o.body->>'clip_id' = c.id::text AND o.routing_key = 'video.clip_generated.v1'
           GROUP BY c.workspace_id, c.id
           HAVING count(o.event_id) <> (c.status = 'completed' AND NOT c.is_ken_burns)::int""",
    ),
    rows(
        "V7",
        "video",
        "A video's cost is what its submissions cost, and never above the estimate",
        """SELECT v.id FROM video_project v LEFT JOIN attempt a ON a.video_id = v.id
           GROUP BY v.workspace_id, v.id
           HAVING v.actual_cost <> coalesce(sum(a.cost_cents), 0)
               OR v.actual_cost > v.estimated_cost""",
    ),
    rows(
        "V8",
        "video",
        "A film's music was in the catalogue and active",
        """SELECT v.id FROM video_project v LEFT JOIN music_track m ON m.id = v.music_track_id
           WHERE v.music_track_id IS NOT NULL AND m.is_active IS NOT TRUE""",
    ),
    rows(
        "V9",
        "video",
        "Every rendered piece and every finished film has its file, size and hash",
        """SELECT id FROM segment WHERE status = 'completed'
             AND (key IS NULL OR sha256 IS NULL OR size_bytes IS NULL)
           UNION ALL
           SELECT c.id FROM compilation c WHERE c.status = 'completed' AND NOT EXISTS
             (SELECT FROM output o WHERE o.compilation_id = c.id AND o.size_bytes > 0)""",
    ),
)
